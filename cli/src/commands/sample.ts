import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { jsonFlag, switchFlag, wholeNumber } from './flags.ts';
import { lazily } from './lazily.ts';

/** What `--tamper` changes after the key was made. */
export type Tampering = (typeof TAMPERINGS)[number];

const TAMPERINGS = ['policy', 'image', 'command', 'variable'] as const;

export interface EncryptedKafkaFlags {
  readonly kafka: string;
  readonly topic: string;
  readonly message: string;
  readonly port: number;
  readonly home: string;
  readonly portBase?: number;
  readonly tamper?: Tampering;
  readonly outsideTee: boolean;
  readonly check: boolean;
  readonly json: boolean;
}

export interface VoteFlags {
  readonly identity: 'pod' | 'workload';
  readonly migrate: boolean;
  readonly home: string;
  readonly portBase?: number;
  readonly check: boolean;
  readonly json: boolean;
}

/** Without a word it is the policy. */
function tampering(text: string): Tampering {
  const found = text === '' ? 'policy' : TAMPERINGS.find((known) => known === text);
  if (found === undefined) throw new SyntaxError(`"${text}" is none of ${TAMPERINGS.join(', ')}`);
  return found;
}

const text = (brief: string, placeholder: string, value: string) =>
  ({ kind: 'parsed', parse: String, brief, placeholder, default: value }) as const;

const portBase = {
  kind: 'parsed',
  parse: wholeNumber,
  brief: 'First of eleven ports in a row for the local cloud',
  placeholder: 'N',
  optional: true,
} as const;

const encryptedKafkaCommand: Command<CliContext> = buildCommand<EncryptedKafkaFlags, [], CliContext>({
  loader: lazily(async () => (await import('../sample/run-encrypted-kafka.ts')).runEncryptedKafka),
  parameters: {
    flags: {
      kafka: { kind: 'parsed', parse: String, brief: 'Brokers, joined with commas', placeholder: 'HOST:PORT' },
      topic: text('Topic; made with three partitions when there is none', 'NAME', 'kafka-demo-topic'),
      message: text('Text of the messages', 'TEXT', 'Azure Confidential Computing'),
      port: { kind: 'parsed', parse: wholeNumber, brief: 'Port of the page', placeholder: 'N', default: '3333' },
      home: text('Home folder of the local cloud that is used', 'DIR', '.holdfast-kafka'),
      portBase,
      tamper: {
        kind: 'parsed',
        parse: tampering,
        brief:
          "After the key was made, change the consumer's policy, so that the key is refused; or its image, command or " +
          'a variable, so that its policy denies it',
        placeholder: `[${TAMPERINGS.join('|')}]`,
        inferEmpty: true,
        optional: true,
      },
      outsideTee: switchFlag('Run the consumer as an ordinary pod, without a guest and without the sidecar'),
      check: switchFlag('Prove that messages arrive as they should, stop, and exit with 0 or 1'),
      json: jsonFlag,
    },
  },
  docs: {
    brief: 'End-to-end encrypted messages over Kafka: only an attested consumer can read them',
    fullDescription:
      'Starts the Azure endpoints and the attestation service of a local cloud, makes a key that is released only to the ' +
      "consumer's pod, runs that pod and the producer against your Kafka, and shows what the consumer can read. Ctrl-C " +
      'stops everything.',
  },
});

const voteCommand: Command<CliContext> = buildCommand<VoteFlags, [], CliContext>({
  loader: lazily(async () => (await import('../sample/vote/run-vote.ts')).runVote),
  parameters: {
    flags: {
      identity: {
        kind: 'enum',
        values: ['pod', 'workload'],
        brief:
          'How the pod reaches the vault: with pod identity, as the published article has it, or workload identity',
        default: 'pod',
      },
      migrate: switchFlag('Then take the running pod from pod identity to workload identity'),
      home: text('Home folder of the local cloud that is used', 'DIR', '.holdfast-vote'),
      portBase,
      check: switchFlag('Prove what the article says, stop, and exit with 0 or 1'),
      json: jsonFlag,
    },
  },
  docs: {
    brief: 'A voting application whose Redis key comes from Key Vault through its pod’s identity',
    fullDescription:
      'Starts the Azure endpoints of a local cloud with a cluster, a Redis and a vault, gives the application its identity, and applies its ' +
      'manifests. Needs redis-server (apt install redis-server). Ctrl-C stops everything; votes stay in the home folder. With --check it ' +
      'also shows that pods without the right identity, and vaults without a policy, give nothing.',
  },
});

export const sampleRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { encryptedKafka: encryptedKafkaCommand, vote: voteCommand },
  docs: { brief: 'Complete examples that run on this machine' },
});
