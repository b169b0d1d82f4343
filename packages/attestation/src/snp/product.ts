/** A processor line with its own root key. */
export type SnpProduct = 'Milan' | 'Genoa' | 'Turin';

/** The line a processor belongs to, from its CPUID family and model; undefined for one this release has no root for. */
export function productFromCpuid(cpuid: { readonly family: number; readonly model: number }): SnpProduct | undefined {
  const { family, model } = cpuid;
  if (family === 0x19 && model <= 0x0f) return 'Milan';
  // 0xA0…0xAF is Bergamo and Siena, which use the keys of Genoa.
  if (family === 0x19 && ((model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf))) return 'Genoa';
  if (family === 0x1a && model <= 0x11) return 'Turin';
  return undefined;
}
