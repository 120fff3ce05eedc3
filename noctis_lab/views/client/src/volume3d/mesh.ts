/** A triangle mesh: read from PLY as the archive writes it, and drawn into pixels with their depths. Pure. */
import { dot, plus, scaled, type Vector } from "../mpr/vectors";
import { type Lens, lightOf, pixelOf, shade, SURFACE_COLOUR } from "./cast";
import { forwardOf } from "./state";

export interface Mesh {
  /** x, y, z of each, mm, patient LPS. */
  vertices: Float32Array;
  /** Three a face, anticlockwise as seen from outside. */
  faces: Uint32Array;
  /** Unit, outward, one a vertex. */
  normals: Float32Array;
}

/** What is read: beyond it the archive sends a coarser mesh. */
const MOST_VERTICES = 4_000_000;
const MOST_FACES = 8_000_000;
const LONGEST_HEADER = 1024;
const VERTEX_BYTES = 12;
const FACE_BYTES = 13;

/** The mesh is not one as the archive writes it. */
export class NoMesh extends Error {}

/** Return the mesh of a binary little-endian PLY with float x, y, z and triangles. */
export function parsePly(buffer: ArrayBuffer): Mesh {
  const text = new TextDecoder("latin1").decode(buffer.slice(0, LONGEST_HEADER));
  const end = text.indexOf("end_header\n");
  const countOf = (element: string): number => Number(new RegExp(`^element ${element} (\\d{1,9})$`, "m").exec(text.slice(0, Math.max(end, 0)))?.[1] ?? NaN);
  const [vertexCount, faceCount] = [countOf("vertex"), countOf("face")];
  const start = end + "end_header\n".length;
  if (!text.startsWith("ply\nformat binary_little_endian 1.0\n") || end < 0 || !(vertexCount <= MOST_VERTICES && faceCount <= MOST_FACES)
    || buffer.byteLength !== start + vertexCount * VERTEX_BYTES + faceCount * FACE_BYTES) throw new NoMesh("The surface that came is none that can be drawn.");
  const view = new DataView(buffer, start);
  const vertices = new Float32Array(vertexCount * 3);
  for (let i = 0; i < vertices.length; i += 1) vertices[i] = view.getFloat32(i * 4, true);
  const faces = new Uint32Array(faceCount * 3);
  for (let i = 0, at = vertexCount * VERTEX_BYTES; i < faces.length; i += 3, at += FACE_BYTES) {
    for (let corner = 0; corner < 3; corner += 1) {
      const vertex = view.getUint32(at + 1 + 4 * corner, true);
      if (vertex >= vertexCount) throw new NoMesh("The surface that came names a corner that it has not.");
      faces[i + corner] = vertex;
    }
  }
  return { vertices, faces, normals: normalsOf(vertices, faces) };
}

/** Return the mean directions of the faces at each vertex, by their areas. */
export function normalsOf(vertices: Float32Array, faces: Uint32Array): Float32Array {
  const normals = new Float32Array(vertices.length);
  for (let i = 0; i < faces.length; i += 3) {
    const [a, b, c] = [3 * (faces[i] as number), 3 * (faces[i + 1] as number), 3 * (faces[i + 2] as number)];
    const at = (vertex: number, axis: number): number => vertices[vertex + axis] as number;
    const [ux, uy, uz] = [at(b, 0) - at(a, 0), at(b, 1) - at(a, 1), at(b, 2) - at(a, 2)];
    const [vx, vy, vz] = [at(c, 0) - at(a, 0), at(c, 1) - at(a, 1), at(c, 2) - at(a, 2)];
    const [x, y, z] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    for (const vertex of [a, b, c]) {
      normals[vertex] = (normals[vertex] as number) + x;
      normals[vertex + 1] = (normals[vertex + 1] as number) + y;
      normals[vertex + 2] = (normals[vertex + 2] as number) + z;
    }
  }
  for (let i = 0; i < normals.length; i += 3) {
    const size = Math.hypot(normals[i] as number, normals[i + 1] as number, normals[i + 2] as number) || 1;
    for (let axis = 0; axis < 3; axis += 1) normals[i + axis] = (normals[i + axis] as number) / size;
  }
  return normals;
}

/** Seen from within, a surface is darker. */
const WITHIN = 0.55;

/** Draws meshes into pixels; its arrays are kept from picture to picture. */
export class MeshPainter {
  pixels = new Uint32Array(0);
  #depths = new Float32Array(0);
  /** Of each vertex: x, y, depth, brightness, gloss. */
  #seen = new Float32Array(0);

  paint(mesh: Mesh, lens: Lens, colour: readonly [number, number, number] = SURFACE_COLOUR): Uint32Array {
    const size = lens.width * lens.height;
    if (this.pixels.length !== size) [this.pixels, this.#depths] = [new Uint32Array(size), new Float32Array(size)];
    this.pixels.fill(0xff000000);
    this.#depths.fill(Infinity);
    this.#project(mesh, lens);
    const { faces } = mesh;
    for (let i = 0; i < faces.length; i += 3) this.#face(faces[i] as number, faces[i + 1] as number, faces[i + 2] as number, lens, colour);
    return this.pixels;
  }

  #project({ vertices, normals }: Mesh, { right, down, centre, mmPerPixel, width, height }: Lens): void {
    const count = vertices.length / 3;
    if (this.#seen.length !== count * 5) this.#seen = new Float32Array(count * 5);
    const seen = this.#seen;
    const forward = forwardOf({ right, down });
    const { light, half } = lightOf(right, down);
    for (let i = 0; i < count; i += 1) {
      const [x, y, z] = [(vertices[3 * i] as number) - centre[0], (vertices[3 * i + 1] as number) - centre[1], (vertices[3 * i + 2] as number) - centre[2]];
      seen[5 * i] = (x * right[0] + y * right[1] + z * right[2]) / mmPerPixel + width / 2 - 0.5;
      seen[5 * i + 1] = (x * down[0] + y * down[1] + z * down[2]) / mmPerPixel + height / 2 - 0.5;
      seen[5 * i + 2] = x * forward[0] + y * forward[1] + z * forward[2];
      let normal: Vector = [normals[3 * i] as number, normals[3 * i + 1] as number, normals[3 * i + 2] as number];
      const isAway = dot(normal, forward) > 0;
      if (isAway) normal = scaled(normal, -1);
      const [bright, gloss] = shade(normal, light, half);
      seen[5 * i + 3] = isAway ? bright * WITHIN : bright;
      seen[5 * i + 4] = isAway ? 0 : gloss;
    }
  }

  #face(a: number, b: number, c: number, lens: Lens, colour: readonly [number, number, number]): void {
    const [seen, { width, height, clip }] = [this.#seen, lens];
    const at = (vertex: number, part: number): number => seen[5 * vertex + part] as number;
    const [ax, ay, bx, by, cx, cy] = [at(a, 0), at(a, 1), at(b, 0), at(b, 1), at(c, 0), at(c, 1)];
    const area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay);
    if (Math.abs(area) < 1e-12) return;
    const top = Math.max(Math.ceil(Math.min(ay, by, cy)), 0);
    const bottom = Math.min(Math.floor(Math.max(ay, by, cy)), height - 1);
    const left = Math.max(Math.ceil(Math.min(ax, bx, cx)), 0);
    const end = Math.min(Math.floor(Math.max(ax, bx, cx)), width - 1);
    for (let y = top; y <= bottom; y += 1) {
      for (let x = left; x <= end; x += 1) {
        const second = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area;
        const third = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area;
        const first = 1 - second - third;
        if (first < -1e-7 || second < -1e-7 || third < -1e-7) continue;
        const depth = first * at(a, 2) + second * at(b, 2) + third * at(c, 2);
        const pixel = y * width + x;
        if (depth >= (this.#depths[pixel] as number) || (clip !== null && !isWithin(lens, x, y, depth))) continue;
        this.#depths[pixel] = depth;
        const bright = first * at(a, 3) + second * at(b, 3) + third * at(c, 3);
        const gloss = 255 * (first * at(a, 4) + second * at(b, 4) + third * at(c, 4));
        this.pixels[pixel] = pixelOf(colour[0] * bright + gloss, colour[1] * bright + gloss, colour[2] * bright + gloss);
      }
    }
  }
}

function isWithin({ right, down, centre, mmPerPixel, width, height, clip }: Lens, x: number, y: number, depth: number): boolean {
  const place = plus(plus(plus(centre, scaled(right, (x + 0.5 - width / 2) * mmPerPixel)), scaled(down, (y + 0.5 - height / 2) * mmPerPixel)), scaled(forwardOf({ right, down }), depth));
  return clip === null || clip.every(([low, high], axis) => (place[axis] as number) >= low && (place[axis] as number) <= high);
}
