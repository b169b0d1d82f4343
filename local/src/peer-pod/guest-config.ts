import { MalformedError, UnsupportedError } from '@holdfast/base';
import { effectiveInitdata, initdataClaims, measureInitdata, parseInitdata } from '@holdfast/initdata';
import type { EffectiveInitdata, InitdataMeasurements, InitdataSources } from '@holdfast/initdata';
import { z } from 'zod';

import { TEE_KEY_ALGORITHMS } from './kbs/tee-key.ts';

const brokerUrl = z.url({ protocol: /^https?$/ });

/** What the attestation agent reads. Members it does not know are left alone. */
const aaSchema = z.object({
  token_configs: z
    .object({
      kbs: z
        .object({
          url: brokerUrl,
          cert: z.string().optional(),
          tee_key_algorithm: z.enum(TEE_KEY_ALGORITHMS).default('ECDH-ES+A256KW-P256'),
        })
        .optional(),
    })
    .prefault({}),
  eventlog_config: z
    .object({ init_pcr: z.int().min(0).max(23).default(17), enable_eventlog: z.boolean().default(false) })
    .prefault({}),
});

/** What the confidential data hub reads, as far as it concerns secrets. */
const cdhSchema = z.object({
  kbc: z.object({ name: z.string(), url: brokerUrl.optional(), kbs_cert: z.string().optional() }).optional(),
  credentials: z
    .array(z.object({ resource_uri: z.string(), path: z.string() }))
    .max(64)
    .default([]),
  skip_sealed_secret_verification: z.boolean().default(false),
});

/** A key broker as the initdata name it. */
export interface BrokerSettings {
  readonly url: string;
  /** PEM; what is trusted besides nothing. The authorities of the system when missing. */
  readonly certificate: string | undefined;
}

export interface AgentSettings {
  readonly broker: BrokerSettings | undefined;
  readonly keyAlgorithm: (typeof TEE_KEY_ALGORITHMS)[number];
  readonly eventLog: { readonly enabled: boolean; readonly register: number };
}

export interface DataHubSettings {
  readonly broker: BrokerSettings | undefined;
  readonly credentials: readonly { readonly resourceUri: string; readonly path: string }[];
  readonly skipSealedSecretVerification: boolean;
}

/** Everything that a guest takes from its initdata. */
export interface GuestConfig {
  readonly initdata: EffectiveInitdata;
  readonly measurements: InitdataMeasurements;
  readonly agent: AgentSettings;
  readonly hub: DataHubSettings;
  /** Text of `policy.rego`; the policy of the machine's image, which allows everything, when missing. */
  readonly policy: string | undefined;
  /** Contents by name, of those that the guest writes to its files. */
  readonly files: ReadonlyMap<string, string>;
}

const CREDENTIAL_FOLDER = '/run/confidential-containers/cdh/kbs/';
const GUEST_FILES = ['aa.toml', 'cdh.toml', 'policy.rego'];

/**
 * The configuration of a guest: the initdata that hold for the pod, measured, and what its components read in them.
 * @throws the errors of `effectiveInitdata` and `measureInitdata`
 * @throws MalformedError PEER_POD_CONFIG_INVALID
 * @throws UnsupportedError PEER_POD_BROKER_CLIENT_UNSUPPORTED
 */
export function readGuestConfig(sources: InitdataSources): GuestConfig {
  const initdata = effectiveInitdata(sources);
  const { data } = parseInitdata(initdata.document);
  const claims = initdataClaims(initdata.document);
  const files = new Map([...data].filter(([name]) => GUEST_FILES.includes(name)));
  return {
    initdata,
    measurements: measureInitdata(initdata.document),
    agent: agentSettings(read(aaSchema, 'aa.toml', claims['aa.toml'])),
    hub: hubSettings(read(cdhSchema, 'cdh.toml', claims['cdh.toml'])),
    policy: data.get('policy.rego'),
    files,
  };
}

function agentSettings({ token_configs: tokens, eventlog_config: log }: z.output<typeof aaSchema>): AgentSettings {
  const { kbs } = tokens;
  return {
    broker: kbs === undefined ? undefined : { url: kbs.url, certificate: kbs.cert },
    keyAlgorithm: kbs?.tee_key_algorithm ?? 'ECDH-ES+A256KW-P256',
    eventLog: { enabled: log.enable_eventlog, register: log.init_pcr },
  };
}

function hubSettings(cdh: z.output<typeof cdhSchema>): DataHubSettings {
  const { kbc } = cdh;
  if (kbc !== undefined && kbc.name !== 'cc_kbc') {
    throw new UnsupportedError('PEER_POD_BROKER_CLIENT_UNSUPPORTED', 'kbc.name of cdh.toml is not cc_kbc', {
      action: 'Set name = "cc_kbc" in [kbc].',
    });
  }
  for (const { path } of cdh.credentials) {
    // Outside of this folder the pod would choose which file of the guest is overwritten.
    if (path.startsWith(CREDENTIAL_FOLDER) && !path.split('/').includes('..') && !path.endsWith('/')) continue;
    throw invalid('cdh.toml', [`a path of [[credentials]] is not below ${CREDENTIAL_FOLDER}`]);
  }
  return {
    broker: kbc?.url === undefined ? undefined : { url: kbc.url, certificate: kbc.kbs_cert },
    credentials: cdh.credentials.map(({ resource_uri: resourceUri, path }) => ({ resourceUri, path })),
    skipSealedSecretVerification: cdh.skip_sealed_secret_verification,
  };
}

/** @param claim the parsed file; its text where it is no TOML; undefined where there is none */
function read<T>(schema: z.ZodType<T>, name: string, claim: unknown): T {
  if (typeof claim === 'string') throw invalid(name, ['it is no TOML']);
  const parsed = schema.safeParse(claim ?? {});
  if (parsed.success) return parsed.data;
  throw invalid(
    name,
    parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`),
  );
}

function invalid(name: string, problems: readonly string[]): MalformedError {
  return new MalformedError(
    'PEER_POD_CONFIG_INVALID',
    `${name} of the initdata cannot be used: ${problems.join('; ')}`,
    {
      details: { file: name, problems },
      action: 'Run `holdfast initdata inspect` on the document.',
    },
  );
}
