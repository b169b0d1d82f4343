import { z } from 'zod';

import type { LaunchSettings } from '../lifecycle/launch-settings.ts';
import { text } from './setting-types.ts';
import type { Values } from './setting-types.ts';

/** How the operator attests to Core. */
export const attestation = {
  enclave_platform: text.nullish().meta({ description: 'Empty for a trusted operator key, or `azure-cc`.' }),
  operator_type: z
    .enum(['public', 'private'])
    .default('private')
    .meta({ description: 'Must equal the type of the operator’s record at Core.' }),
  core_attest_url: text.optional().meta({ description: 'Full URL of POST /attest.' }),
  maa_server_base_url: text
    .default('https://sharedeus.eus.attest.azure.net')
    .meta({ description: 'Attestation service that the sidecar asks for a token.' }),
  attestation_sidecar_url: z
    .url()
    .default('http://localhost:9000')
    .meta({ description: 'Address of the attestation sidecar (skr) in the same pod.' }),
  uid_instance_id_prefix: text
    .optional()
    .meta({ description: 'Begins UID-Instance-Id; made from start time and version when missing.' }),
};

export interface AttestationConfig {
  readonly platform: 'trusted' | 'azure-cc';
  readonly operatorType: 'public' | 'private';
  readonly attestUrl: string;
  readonly sidecarUrl: string;
  readonly maaEndpoint: string;
  /** Undefined: made from the time of the start. */
  readonly instanceIdPrefix: string | undefined;
}

type Settings = Values<typeof attestation>;

/** What is wrong goes to `problems`; the attest URL is empty when there is none. */
export function attestationConfig(
  settings: Settings,
  launch: LaunchSettings | undefined,
  problems: string[],
): AttestationConfig {
  return {
    attestUrl: attestUrl(settings, launch, problems),
    platform: platform(settings, launch, problems),
    operatorType: settings.operator_type,
    sidecarUrl: settings.attestation_sidecar_url,
    maaEndpoint: settings.maa_server_base_url,
    instanceIdPrefix: settings.uid_instance_id_prefix,
  };
}

function attestUrl(settings: Settings, launch: LaunchSettings | undefined, problems: string[]): string {
  const url = settings.core_attest_url ?? (launch === undefined ? undefined : `${launch.coreUrl}/attest`);
  if (url === undefined) {
    problems.push(
      'core_attest_url: set it, or start the operator with VAULT_NAME, OPERATOR_KEY_SECRET_NAME and DEPLOYMENT_ENVIRONMENT',
    );
  } else if (!URL.canParse(url)) problems.push('core_attest_url: not a URL');
  return url ?? '';
}

function platform(settings: Settings, launch: LaunchSettings | undefined, problems: string[]): 'trusted' | 'azure-cc' {
  const name = settings.enclave_platform ?? (launch === undefined ? '' : 'azure-cc');
  if (name === 'azure-cc') return name;
  if (name !== '' && name !== 'trusted') {
    problems.push(
      `enclave_platform: enclave_platform is providing the wrong value: ${name}; known are azure-cc and none`,
    );
  }
  return 'trusted';
}
