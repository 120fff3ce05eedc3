/** What a graphics processor runs for each ray: the same as `cast.ts`, in its own language. */

export const VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

export const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler3D;
uniform sampler3D voxels;
uniform sampler2D table;
uniform vec3 start, across, along, into, extent;
uniform vec3 centre, right, down, forward, clipLow, clipHigh;
uniform vec3 lattice0, lattice1, lattice2, light, halfway, colour;
uniform vec2 size;
uniform float mm, fineness, gain, offset, slopeSign;
uniform int axis, mode, isShaded;
out vec4 pixel;

const float SNAP = 1e-4;

float at(vec3 place) {
  return texture(voxels, (place + 0.5) / extent).r * gain + offset;
}

bool narrow(inout vec2 reach, float place, float step, float low, float high) {
  if (abs(step) < 1e-9) return place >= low - SNAP && place <= high + SNAP;
  float a = (low - place) / step;
  float b = (high - place) / step;
  reach = vec2(max(reach.x, min(a, b)), min(reach.y, max(a, b)));
  return reach.y >= reach.x;
}

vec3 normalAt(vec3 place) {
  vec3 last = extent - 1.0;
  vec3 slope;
  for (int i = 0; i < 3; i += 1) {
    vec3 unit = vec3(i == 0, i == 1, i == 2);
    slope[i] = at(min(place + unit, last)) - at(max(place - unit, vec3(0.0)));
  }
  vec3 normal = -(slope.x * lattice0 + slope.y * lattice1 + slope.z * lattice2) * slopeSign;
  float size = length(normal);
  return size > 0.0 ? normal / size : vec3(0.0);
}

vec2 shade(vec3 normal) {
  float facing = dot(normal, light);
  float gloss = facing > 0.0 ? 0.22 * pow(max(dot(normal, halfway), 0.0), 20.0) : 0.0;
  return vec2(0.28 + 0.72 * max(facing, 0.0), gloss);
}

vec3 painted(vec3 normal) {
  vec2 lit = shade(normal);
  return colour * lit.x + lit.y;
}

void main() {
  pixel = vec4(0.0, 0.0, 0.0, 1.0);
  vec2 place = vec2(gl_FragCoord.x - size.x / 2.0, size.y / 2.0 - gl_FragCoord.y) * mm;
  vec3 first = start + place.x * across + place.y * along;
  vec3 world = centre + place.x * right + place.y * down;
  vec2 reach = vec2(-1e9, 1e9);
  for (int i = 0; i < 3; i += 1) {
    if (!narrow(reach, first[i], into[i], 0.0, extent[i] - 1.0)) return;
    if (!narrow(reach, world[i], forward[i], clipLow[i], clipHigh[i])) return;
  }
  float pace = into[axis];
  float step = 1.0 / (abs(pace) * fineness);
  float whole = (first[axis] + reach.x * pace) * fineness;
  whole = pace > 0.0 ? ceil(whole - SNAP) : floor(whole + SNAP);
  float begin = (whole / fineness - first[axis]) / pace;
  int count = int(floor((reach.y - begin) / step + SNAP)) + 1;
  float most = -1e30;
  vec3 seen = vec3(0.0);
  float stopped = 0.0;
  for (int i = 0; i < count; i += 1) {
    float t = begin + float(i) * step;
    vec3 here = clamp(first + t * into, vec3(0.0), extent - 1.0);
    float value = at(here);
    if (mode == 0) {
      most = max(most, value);
    } else if (mode == 1) {
      if (value <= 0.0) continue;
      vec4 entry = texelFetch(table, ivec2(int(min(value, 1023.0)), 0), 0);
      float stops = 1.0 - pow(1.0 - entry.a, step);
      if (stops < 1e-4) continue;
      vec3 normal = isShaded == 1 ? normalAt(here) : vec3(0.0);
      vec2 lit = dot(normal, normal) > 0.0 ? shade(normal) : vec2(1.0, 0.0);
      float part = (1.0 - stopped) * stops;
      seen += part * (entry.rgb * lit.x + lit.y);
      stopped += part;
      if (stopped > 0.985) break;
    } else if (value >= 0.0) {
      vec3 before = first + (t - step) * into;
      if (t - step < reach.x - SNAP) {
        seen = painted(-forward);
      } else {
        float last = at(before);
        float back = last == value ? 0.0 : value / (value - last) * step;
        vec3 normal = normalAt(here - back * into);
        seen = painted(dot(normal, normal) > 0.0 ? normal : -forward);
      }
      break;
    }
  }
  if (mode == 0) seen = count > 0 ? texelFetch(table, ivec2(int(clamp(most + 0.5, 0.0, 255.0)), 0), 0).rgb : vec3(0.0);
  pixel = vec4(seen, 1.0);
}`;
