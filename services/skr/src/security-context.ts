import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseThimCertificates } from '@holdfast/attestation';
import type { ThimCertificates } from '@holdfast/attestation';
import { errorMessage, fromBase64, MalformedError } from '@holdfast/base';

import type { SkrConfig } from './config.ts';

/** What the host put beside the workload: who vouches for the chip and for the utility VM, and the policy in force. */
export interface SecurityContext {
  /** Undefined: the host wrote none, fetch them from its certificate service. */
  readonly hostCertificates: ThimCertificates | undefined;
  /** Binary COSE_Sign1 over the launch measurement. */
  readonly uvmEndorsement: Uint8Array | undefined;
  /** Why the policy text cannot be used; undefined when it is fine or absent. Reported per request, as by the reference. */
  readonly policyProblem: string | undefined;
}

const FILES = {
  policy: 'security-policy-base64',
  hostCertificates: 'host-amd-cert-base64',
  referenceInfo: 'reference-info-base64',
} as const;

/** Where confidential pods on AKS find the reference info, mounted from the host. */
const FIXED_FOLDER = '/opt/confidential-containers/share/kata-containers';

/**
 * Reads the security context: the configured folder, else the first folder of `/` named `security-context-…`, else the fixed
 * folder. The legacy variables count only when that folder has no reference info.
 * @throws MalformedError SECURITY_CONTEXT_MALFORMED
 */
export async function loadSecurityContext(config: SkrConfig['securityContext'], root = '/'): Promise<SecurityContext> {
  const folder = config.folder ?? (await findFolder(root)) ?? FIXED_FOLDER;
  const read = async (name: keyof typeof FILES): Promise<string | undefined> => readOptional(join(folder, FILES[name]));
  let texts: Record<keyof typeof FILES, string | undefined> = {
    policy: await read('policy'),
    hostCertificates: await read('hostCertificates'),
    referenceInfo: await read('referenceInfo'),
  };
  if (texts.referenceInfo === undefined && config.referenceInfo !== undefined) {
    texts = {
      policy: texts.policy ?? config.policy,
      hostCertificates: texts.hostCertificates ?? config.hostCertificates,
      referenceInfo: config.referenceInfo,
    };
  }
  const { policy, hostCertificates, referenceInfo } = texts;
  return {
    hostCertificates:
      hostCertificates === undefined
        ? undefined
        : decode(FILES.hostCertificates, hostCertificates, (bytes) => parseThimCertificates(bytes)),
    uvmEndorsement:
      referenceInfo === undefined ? undefined : decode(FILES.referenceInfo, referenceInfo, (bytes) => bytes),
    policyProblem: policy === undefined ? undefined : problemOf(policy),
  };
}

async function findFolder(root: string): Promise<string | undefined> {
  const names = await readdir(root);
  const name = names.sort().find((candidate) => candidate.includes('security-context-'));
  return name === undefined ? undefined : join(root, name);
}

/** Undefined when the file is missing or empty. */
async function readOptional(file: string): Promise<string | undefined> {
  try {
    const text = (await readFile(file, 'utf8')).trim();
    return text === '' ? undefined : text;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw malformed(file, cause);
  }
}

function decode<T>(name: string, text: string, parse: (bytes: Uint8Array) => T): T {
  try {
    return parse(fromBase64(text.trim()));
  } catch (cause) {
    throw malformed(name, cause);
  }
}

function problemOf(policy: string): string | undefined {
  try {
    fromBase64(policy.trim());
    return undefined;
  } catch (error) {
    return `${FILES.policy}: ${errorMessage(error)}`;
  }
}

function malformed(name: string, cause: unknown): MalformedError {
  return new MalformedError('SECURITY_CONTEXT_MALFORMED', `cannot use ${name}: ${errorMessage(cause)}`, {
    cause,
    details: { file: name },
    action: 'Check what wrote the security context.',
  });
}
