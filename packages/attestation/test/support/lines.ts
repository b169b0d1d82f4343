import { derInteger, derString } from '../../src/der/writer.ts';
import { tag } from '../../src/der/reader.ts';
import type { CertificateExtension, SnpTcb } from '../../src/index.ts';

const PREFIX = '1.3.6.1.4.1.3704.1.';

/** The TCB of a simulated Turin chip: five versions. */
export const TURIN_TCB: SnpTcb = { fmc: 2, bootloader: 5, tee: 1, snp: 9, microcode: 88 };
/** Turin identifies a chip with eight bytes; the rest of the report field is zero. */
export const TURIN_CHIP_ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
export const TURIN_CPUID = { family: 0x1a, model: 0x02, stepping: 1 };
export const GENOA_CPUID = { family: 0x19, model: 0x11, stepping: 1 };

/** The private extensions of a Turin VCEK: another structure version, the FMC version, no version 4, a short chip id. */
export function turinExtensions(tcb: SnpTcb = TURIN_TCB): readonly CertificateExtension[] {
  return [
    extension('1', derInteger(1)),
    extension('2', derString(tag.ia5String, 'Turin')),
    extension('3.1', derInteger(tcb.bootloader)),
    extension('3.2', derInteger(tcb.tee)),
    extension('3.3', derInteger(tcb.snp)),
    extension('3.8', derInteger(tcb.microcode)),
    extension('3.9', derInteger(tcb.fmc ?? 0)),
    extension('4', TURIN_CHIP_ID),
  ];
}

/** The private extensions of a VLEK: those of a VCEK with the provider in place of the chip. */
export function vlekExtensions(
  vcek: readonly CertificateExtension[],
  cspId = 'CN=cc-test.example',
): readonly CertificateExtension[] {
  return [...vcek.filter(({ oid }) => oid !== `${PREFIX}4`), extension('5', derString(tag.ia5String, cspId))];
}

function extension(suffix: string, value: Uint8Array): CertificateExtension {
  return { oid: PREFIX + suffix, critical: false, value };
}
