/** Colour maps as numbers: 256 colours each, red, green and blue a byte, in Base64; Python paints stills by the same file. */
import COLOURS from "../../../colours.json";

// PS3.6 Annex B: the well-known colour palettes; cividis is Nuñez, Anderton and Renslow's (2018, CC0).
export { COLOURS };
