import { readFile } from 'node:fs/promises';

import { attestationPolicyHash, DEFAULT_ATTESTATION_POLICY, parseCertificate } from '@holdfast/attestation';
import type { Certificate } from '@holdfast/attestation';
import { ConfigError, errorMessage, fromBase64, RequestError, toBase64, toUtf8 } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';
import { z } from 'zod';

import { policyTextOf, readStatement, unsecuredPolicy } from './policy-jws.ts';

/** The attestation policy in force and who may change it. Changes are on disk before their call resolves. */
export interface ManagementStore {
  /** Text of the policy; the default permits everything. */
  readonly policy: string;
  /** The statement that set it, as it was sent. */
  readonly policyJws: string;
  /** Base64url SHA-256, as tokens carry it in x-ms-policy-hash. */
  readonly policyHash: string;
  readonly signers: readonly Certificate[];
  setPolicy(jws: string, text: string): Promise<void>;
  resetPolicy(): Promise<void>;
  /** False when it is a signer already. */
  addSigner(certificate: Certificate): Promise<boolean>;
  /**
   * False when it is none.
   * @throws RequestError MANAGEMENT_STATEMENT_REFUSED for the last one: without signers, unsigned policies would count
   */
  removeSigner(certificate: Certificate): Promise<boolean>;
}

const schema = z.strictObject({
  version: z.literal(1),
  policyJws: z.string().nullable(),
  /** Standard Base64 of DER. */
  signers: z.array(z.base64()),
});

/**
 * Opens the state of the management interface. `initialSigners` count until signers were added or removed.
 * @throws ConfigError MANAGEMENT_STATE_UNREADABLE
 */
export async function openManagementStore(
  file: string,
  initialSigners: readonly Certificate[],
): Promise<ManagementStore> {
  let { policyJws, policy, signers } = await readState(file, initialSigners);
  let lastWrite: Promise<unknown> = Promise.resolve();

  /** One change after the other: each sees the one before. */
  const change = <T>(make: () => { next: Partial<State>; result: T }): Promise<T> => {
    const written = lastWrite.then(async () => {
      const { next, result } = make();
      const state = { policyJws, policy, signers, ...next };
      const content = {
        version: 1,
        policyJws: state.policyJws ?? null,
        signers: state.signers.map(({ der }) => toBase64(der)),
      };
      await writeFileAtomic(file, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
      ({ policyJws, policy, signers } = state);
      return result;
    });
    lastWrite = written.catch(() => undefined); // the caller gets the failure; the next change goes on
    return written;
  };
  const has = (certificate: Certificate): boolean =>
    signers.some(({ der }) => Buffer.compare(der, certificate.der) === 0);

  return {
    get policy() {
      return policy;
    },
    get policyJws() {
      return policyJws ?? unsecuredPolicy(policy);
    },
    get policyHash() {
      return attestationPolicyHash(policy);
    },
    get signers() {
      return signers;
    },
    setPolicy: (jws, text) => change(() => ({ next: { policyJws: jws, policy: text }, result: undefined })),
    resetPolicy: () =>
      change(() => ({ next: { policyJws: undefined, policy: DEFAULT_ATTESTATION_POLICY }, result: undefined })),
    addSigner: (certificate) =>
      change(() =>
        has(certificate) ? { next: {}, result: false } : { next: { signers: [...signers, certificate] }, result: true },
      ),
    removeSigner: (certificate) =>
      change(() => {
        if (!has(certificate)) return { next: {}, result: false };
        if (signers.length === 1) {
          throw new RequestError('MANAGEMENT_STATEMENT_REFUSED', 'the last policy signer cannot be removed');
        }
        return {
          next: { signers: signers.filter(({ der }) => Buffer.compare(der, certificate.der) !== 0) },
          result: true,
        };
      }),
  };
}

interface State {
  readonly policyJws: string | undefined;
  readonly policy: string;
  readonly signers: readonly Certificate[];
}

async function readState(file: string, initialSigners: readonly Certificate[]): Promise<State> {
  try {
    const state = schema.parse(JSON.parse(await readFile(file, 'utf8')));
    const signers = state.signers.map((text) => parseCertificate(fromBase64(text)));
    if (state.policyJws === null) return { policyJws: undefined, policy: DEFAULT_ATTESTATION_POLICY, signers };
    // Judged when it was set; a signer that left since does not take its policy with it.
    const [, payload = ''] = state.policyJws.split('.');
    const unsigned = toUtf8(`${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`);
    return { policyJws: state.policyJws, policy: policyTextOf(readStatement(unsigned, [])), signers };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      return { policyJws: undefined, policy: DEFAULT_ATTESTATION_POLICY, signers: initialSigners };
    }
    throw new ConfigError('MANAGEMENT_STATE_UNREADABLE', [`management_state_file ${file}: ${errorMessage(cause)}`], {
      cause,
      action: 'Restore the file, or delete it to start with the default policy.',
    });
  }
}
