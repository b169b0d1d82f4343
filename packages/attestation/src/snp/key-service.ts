import { toHex } from '@holdfast/base';

import type { SnpKeyKind } from './endorsement-certificate.ts';
import type { SnpProduct } from './product.ts';
import { decodeTcb } from './tcb.ts';

/** Where AMD's key distribution service (https://kdsintf.amd.com) has the certificate of a chip at a reported TCB; DER. */
export function vcekPath(product: SnpProduct, chipId: Uint8Array, reportedTcb: bigint): string {
  const { fmc, bootloader, tee, snp, microcode } = decodeTcb(reportedTcb, product);
  const id = toHex(product === 'Turin' ? chipId.subarray(0, 8) : chipId);
  const versions = [
    ...(fmc === undefined ? [] : [`fmcSPL=${fmc}`]),
    `blSPL=${bootloader}`,
    `teeSPL=${tee}`,
    `snpSPL=${snp}`,
    `ucodeSPL=${microcode}`,
  ];
  return `/vcek/v1/${product}/${id}?${versions.join('&')}`;
}

/** Where it has ASK (or ASVK) and ARK of a processor line; PEM. */
export function certificateChainPath(product: SnpProduct, kind: SnpKeyKind): string {
  return `/${kind}/v1/${product}/cert_chain`;
}

/**
 * Where it has the revocation list of a processor line's root; DER.
 * @see AMD VCEK Certificate and KDS Interface Specification (publication 57230), chapter 4
 */
export function revocationListPath(product: SnpProduct, kind: SnpKeyKind): string {
  return `/${kind}/v1/${product}/crl`;
}
