import { fromUtf8, RequestError, toBase64Url, toUtf8 } from '@holdfast/base';
import { createRegoEngine, parseRegoModule } from '@holdfast/policy';
import {
  affirmingResourcePolicy,
  allowAllResourcePolicy,
  defaultResourcePolicy,
  denyAllResourcePolicy,
} from '@holdfast/trustee';

import type { BrokerFlags, PolicyPreset, SetPolicyFlags } from '../commands/trustee.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { readInput, withBroker } from './broker-connection.ts';

const PRESETS: Readonly<Record<PolicyPreset, string>> = {
  default: defaultResourcePolicy,
  'allow-all': allowAllResourcePolicy,
  'deny-all': denyAllResourcePolicy,
  affirming: affirmingResourcePolicy,
};

/** `holdfast trustee policy set` */
export async function runSetPolicy({ io }: CliContext, flags: SetPolicyFlags): Promise<void> {
  const text = await policyText(flags, io);
  compile(text, flags.file ?? 'preset');
  const policy = toBase64Url(toUtf8(text));
  const { attestation } = flags;
  await withBroker(flags, io, (broker) =>
    attestation === undefined
      ? broker.send('POST', 'resource-policy', JSON.stringify({ policy }))
      : broker.send('POST', 'attestation-policy', JSON.stringify({ type: 'rego', policy_id: attestation, policy })),
  );
  const name = attestation ?? 'resource-policy';
  if (flags.json) writeJson(io, { version: 1, policy: name });
  else io.stderr.write(`${name} is in force\n`);
}

/** `holdfast trustee policy list` */
export async function runListPolicies({ io }: CliContext, flags: BrokerFlags): Promise<void> {
  const names = JSON.parse(await withBroker(flags, io, (broker) => broker.send('GET', 'resource-policy'))) as string[];
  if (flags.json) writeJson(io, { version: 1, policies: names });
  else for (const name of names) io.stdout.write(`${name}\n`);
}

async function policyText({ file, preset, attestation }: SetPolicyFlags, io: CliIo): Promise<string> {
  if ((file === undefined) === (preset === undefined)) {
    throw new RequestError('TRUSTEE_POLICY_NOT_NAMED', 'give either --file or --preset');
  }
  if (preset !== undefined && attestation !== undefined) {
    throw new RequestError('TRUSTEE_POLICY_NOT_NAMED', 'presets are resource policies: give --attestation with --file');
  }
  return preset === undefined ? fromUtf8(await readInput(io, file ?? '')) : PRESETS[preset];
}

/** Says what is wrong with a policy before it is sent. */
function compile(text: string, file: string): void {
  createRegoEngine({
    modules: [parseRegoModule(text, { file })],
    hostFunctions: { query_reference_value: { arity: 1, call: () => null } },
  });
}
