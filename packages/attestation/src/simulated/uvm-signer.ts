import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { concatBytes, toBase64Url, toHex, toUtf8 } from '@holdfast/base';

import { CborTagged } from '../cbor/value.ts';
import type { CborValue } from '../cbor/value.ts';
import { coseHeader, signCoseSign1 } from '../cose/sign1.ts';
import { formatJson } from '../json/json.ts';
import { uvmPayloadMember } from '../uvm/endorsement.ts';
import type { Certificate } from '../x509/certificate.ts';

/** The extended key usage that marks a signer of utility VM endorsements. */
export const UVM_ENDORSEMENT_EKU = '1.3.6.1.4.1.311.76.59.1.2';

/** The did:x509 issuer of endorsements whose signer chains to `root` and bears the endorsement usage. */
export function uvmIssuer(root: Certificate): string {
  const fingerprint = toBase64Url(createHash('sha256').update(root.der).digest());
  return `did:x509:0:sha256:${fingerprint}::eku:${UVM_ENDORSEMENT_EKU}`;
}

/** An endorsement in the legacy form: JSON payload, issuer, feed and signing time in the protected header; ES384. */
export function signUvmEndorsement(options: {
  readonly leaf: Certificate;
  readonly root: Certificate;
  readonly signingKey: KeyObject;
  readonly feed: string;
  readonly svn: number;
  readonly measurement: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly signedAt: number;
}): Uint8Array {
  const thumbprint = concatBytes(createHash('sha256').update(options.leaf.der).digest());
  const protectedHeader = new Map<number | string, CborValue>([
    [coseHeader.contentType, 'application/json'],
    [coseHeader.x5chain, [options.leaf.der, options.root.der]],
    [coseHeader.x5t, [-16, thumbprint]],
    ['iss', uvmIssuer(options.root)],
    ['feed', options.feed],
    ['signingtime', new CborTagged(1, Math.floor(options.signedAt / 1000))],
  ]);
  const payload = formatJson({
    [uvmPayloadMember.guestSvn]: options.svn.toString(),
    [uvmPayloadMember.launchMeasurement]: toHex(options.measurement),
  });
  return signCoseSign1({
    algorithm: 'ES384',
    protectedHeader,
    payload: toUtf8(payload),
    signingKey: options.signingKey,
  });
}
