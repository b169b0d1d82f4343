const LETTERS = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PADDING = 0x3d;

/** Writes the 44 ASCII bytes of the Base64 form of 32 bytes to the front of `out`, without making a string. */
export function writeBase64Of32(bytes: Uint8Array, out: Uint8Array): void {
  let at = 0;
  for (let i = 0; i < 30; i += 3) {
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    out[at] = LETTERS[group >> 18] ?? 0;
    out[at + 1] = LETTERS[(group >> 12) & 63] ?? 0;
    out[at + 2] = LETTERS[(group >> 6) & 63] ?? 0;
    out[at + 3] = LETTERS[group & 63] ?? 0;
    at += 4;
  }
  const last = ((bytes[30] ?? 0) << 16) | ((bytes[31] ?? 0) << 8);
  out[at] = LETTERS[last >> 18] ?? 0;
  out[at + 1] = LETTERS[(last >> 12) & 63] ?? 0;
  out[at + 2] = LETTERS[(last >> 6) & 63] ?? 0;
  out[at + 3] = PADDING;
}
