import { resolve } from 'node:path';

import { RequestError } from '@holdfast/base';
import { formatReleasePolicy, parseReleasePolicy } from '@holdfast/key-release';

import type { PolicyFlags } from '../commands/key.ts';
import type { CliIo } from '../context.ts';
import { readText } from './connection.ts';

/**
 * The release policy that the flags describe, as normalised JSON text: from --policy, or for a confidential pod from
 * --attestation, --host-data and --status. Undefined when there is none.
 * @throws RequestError RELEASE_POLICY_INVALID, INPUT_UNREADABLE, KEY_OPTIONS_CONFLICT
 */
export async function readPolicyFlags(flags: PolicyFlags, io: CliIo): Promise<string | undefined> {
  if (flags.policy !== undefined) {
    if (flags.attestation !== undefined) throw conflict('--policy and --attestation both say what the policy is');
    return readPolicyFile(resolve(io.cwd, flags.policy));
  }
  if (flags.attestation === undefined) {
    if (flags.hostData !== undefined || flags.status !== undefined || flags.immutable) {
      throw conflict('--host-data, --status and --immutable are about a release policy, and none is given');
    }
    return undefined;
  }
  const hostData = flags.hostData?.toLowerCase();
  if (hostData === undefined) {
    io.stderr.write(
      'warning: without --host-data the key is released to every pod of this kind, whatever its policy\n',
    );
  } else if (!/^[0-9a-f]{64}$/.test(hostData)) {
    throw conflict('--host-data is not 64 hexadecimal digits');
  }
  const conditions = [
    { claim: 'x-ms-attestation-type', equals: 'sevsnpvm' },
    ...(hostData === undefined ? [] : [{ claim: 'x-ms-sevsnpvm-hostdata', equals: hostData }]),
    { claim: 'x-ms-compliance-status', equals: flags.status ?? 'azure-compliant-uvm' },
    { claim: 'x-ms-sevsnpvm-is-debuggable', equals: 'false' },
  ];
  const authority = `https://${hostOf(flags.attestation)}`;
  const policy = { version: '1.0.0', anyOf: [{ authority, allOf: conditions }] };
  return formatReleasePolicy(parseReleasePolicy(JSON.stringify(policy)));
}

/** A policy file, checked and normalised. Commas before a closing bracket, which older set-up scripts write, are tolerated. */
export async function readPolicyFile(file: string): Promise<string> {
  return formatReleasePolicy(parseReleasePolicy(await readText(file), { trailingCommas: true }));
}

/** The host of an address that people copy from anywhere: scheme and everything after the host are taken off. */
export function hostOf(address: string): string {
  return address.replace(/^https?:\/\//i, '').replace(/[/?#].*$/s, '');
}

function conflict(message: string): RequestError {
  return new RequestError('KEY_OPTIONS_CONFLICT', message, { action: 'See holdfast key create --help.' });
}
