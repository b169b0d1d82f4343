import { createHash } from 'node:crypto';

import type { JsonValue } from '@holdfast/attestation';
import { RequestError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import type { AgentSettings } from './guest-config.ts';
import { tokenExpiry } from './kbs/broker-client.ts';
import type { BrokerClient } from './kbs/broker-client.ts';
import { teeKeyPem } from './kbs/tee-key.ts';
import type { Machine } from './machine/machine.ts';

/** A token is not handed out for longer than this before its end. */
const MINIMUM_LIFE_MS = 30_000;

/** An attestation token with the private key that it is bound to. */
export interface GuestToken {
  readonly token: string;
  /** PEM. Whoever has both may ask brokers for resources. */
  readonly keyPair: string;
}

/** An event that a workload reports about itself. */
export interface WorkloadEvent {
  readonly domain: string;
  readonly operation: string;
  readonly content: string;
}

/** The attestation agent of a guest: evidence, and tokens of a key broker. */
export class AttestationAgent {
  readonly machine: Machine;
  readonly #broker: BrokerClient | undefined;
  readonly #settings: AgentSettings;
  readonly #clock: Clock;
  #token: { readonly token: string; readonly expiresAt: number } | undefined;
  #asking: Promise<string> | undefined;

  constructor(options: {
    readonly machine: Machine;
    /** Undefined where the initdata name none. */
    readonly broker: BrokerClient | undefined;
    readonly settings: AgentSettings;
    readonly clock: Clock;
  }) {
    this.machine = options.machine;
    this.#broker = options.broker;
    this.#settings = options.settings;
    this.#clock = options.clock;
  }

  /**
   * A token of the key broker; the same one until 30 seconds before its end.
   * @throws RequestError PEER_POD_BROKER_ABSENT
   * @throws the errors of `BrokerClient.attest`
   */
  async token(): Promise<GuestToken> {
    const broker = this.#broker;
    if (broker === undefined) throw brokerAbsent('kbs token config not configured in config file', 'aa.toml');
    const cached = this.#token;
    if (cached !== undefined && cached.expiresAt - this.#clock() > MINIMUM_LIFE_MS) {
      return { token: cached.token, keyPair: teeKeyPem(broker.key) };
    }
    this.#asking ??= this.#attest(broker).finally(() => {
      this.#asking = undefined;
    });
    return { token: await this.#asking, keyPair: teeKeyPem(broker.key) };
  }

  async #attest(broker: BrokerClient): Promise<string> {
    const token = await broker.attest();
    const expiresAt = tokenExpiry(token);
    this.#token = expiresAt === undefined ? undefined : { token, expiresAt };
    return token;
  }

  /** @throws RequestError PEER_POD_REPORT_DATA_INVALID */
  evidence(runtimeData: Uint8Array): JsonValue {
    return this.machine.evidence(runtimeData);
  }

  /**
   * Extends the register of the event log with an event.
   * @throws RequestError PEER_POD_EVENT_LOG_DISABLED
   */
  extend({ domain, operation, content }: WorkloadEvent): void {
    const { enabled, register } = this.#settings.eventLog;
    if (!enabled || this.machine.extend === undefined) {
      throw new RequestError('PEER_POD_EVENT_LOG_DISABLED', 'the guest keeps no event log', {
        action: 'Set enable_eventlog = true in [eventlog_config] of aa.toml, on a platform with a virtual TPM.',
      });
    }
    const event = createHash('sha256').update(`${domain} ${operation} ${content}`).digest();
    this.machine.extend(register, new Uint8Array(event));
  }
}

export function brokerAbsent(problem: string, file: 'aa.toml' | 'cdh.toml'): RequestError {
  return new RequestError('PEER_POD_BROKER_ABSENT', problem, {
    details: { file },
    action: 'Name it in [token_configs.kbs] of aa.toml and [kbc] of cdh.toml, both with the same url.',
  });
}
