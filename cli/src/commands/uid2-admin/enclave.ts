import { buildCommand, buildRouteMap } from '@stricli/core';
import type { RouteMap } from '@stricli/core';
import type { AttestationProtocol } from '@holdfast/uid2/administration';

import type { CliContext } from '../../context.ts';
import { lazily } from '../lazily.ts';
import { changeFlags, worldFlags } from './flags.ts';
import type { ChangeFlags, WorldFlags } from './flags.ts';
import { nonBlank } from './parsers.ts';
import { protocolFlag } from './shared-flags.ts';

export interface EnclaveAddFlags extends ChangeFlags {
  readonly protocol: AttestationProtocol;
}

const runs = () => import('../../admin/enclaves.ts');

export const enclaveRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    add: buildCommand<EnclaveAddFlags, [string, string], CliContext>({
      loader: lazily(async () => (await runs()).runEnclaveAdd),
      parameters: {
        flags: {
          protocol: protocolFlag,
          ...changeFlags,
        },
        positional: {
          kind: 'tuple',
          parameters: [
            { brief: 'Name', placeholder: 'NAME', parse: nonBlank },
            {
              brief:
                'For azure-cc the SHA-256 of the policy in hexadecimal; for aws-nitro PCR0, for gcp-oidc a SHA-256, in Base64',
              placeholder: 'IDENTIFIER',
              parse: nonBlank,
            },
          ],
        },
      },
      docs: { brief: 'Let operators that measure like this attest' },
    }),
    list: buildCommand<WorldFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runEnclaveList),
      parameters: { flags: worldFlags },
      docs: { brief: 'List what may attest' },
    }),
    remove: buildCommand<ChangeFlags, [string], CliContext>({
      loader: lazily(async () => (await runs()).runEnclaveRemove),
      parameters: {
        flags: changeFlags,
        positional: {
          kind: 'tuple',
          parameters: [{ brief: 'Name or identifier', placeholder: 'ENCLAVE', parse: nonBlank }],
        },
      },
      docs: { brief: 'Refuse operators that measure like this from their next attestation on' },
    }),
  },
  docs: { brief: 'Workload measurements that may attest' },
});
