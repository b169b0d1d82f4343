import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { childEnd, isListening, waitFor } from '../../src/index.ts';

const START_DEADLINE_MS = 90_000;
const STOP_DEADLINE_MS = 15_000;

export interface BrokerOptions {
  readonly jars: string;
  /** A folder of its own; it keeps the records, so that a broker can be started there again. */
  readonly folder: string;
  /** First of three free ports: clients in plaintext, the controller, clients with TLS and SASL PLAIN. */
  readonly portBase: number;
  /** Opens the third port as Event Hubs does it: TLS and SASL PLAIN. */
  readonly secured?: { readonly keyPem: string; readonly certificatePem: string; readonly password: string };
}

/** One broker of Apache Kafka in KRaft mode, which is its own controller. */
export class KafkaBroker {
  readonly #options: BrokerOptions;
  #child: ChildProcess | undefined;

  constructor(options: BrokerOptions) {
    this.#options = options;
  }

  /** `host:port` for clients in plaintext. */
  get address(): string {
    return `127.0.0.1:${this.#options.portBase}`;
  }

  /** `host:port` for clients with TLS and SASL PLAIN. */
  get securedAddress(): string {
    return `localhost:${this.#options.portBase + 2}`;
  }

  async start(): Promise<void> {
    const { folder, portBase } = this.#options;
    const config = join(folder, 'server.properties');
    if (!existsSync(config)) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(config, this.#properties());
      const clusterId = randomBytes(16).toString('base64url');
      // One word, since an id may begin with a dash.
      await this.#toEnd(this.#java('kafka.tools.StorageTool', ['format', `--cluster-id=${clusterId}`, '-c', config]));
    }
    const child = this.#java('kafka.Kafka', [config]);
    this.#child = child;
    let ended = false;
    child.once('exit', () => {
      ended = true;
    });
    await waitFor(
      async () => ended || (await isListening(portBase)),
      START_DEADLINE_MS,
      () => this.#log(),
    );
    if (ended) throw new Error(`the broker ended:\n${this.#log()}`);
  }

  /** Stops it in order, or kills it when that takes too long. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await exited;
    clearTimeout(timer);
  }

  #java(main: string, args: readonly string[]): ChildProcess {
    const { folder, jars } = this.#options;
    const child = spawn(
      'java',
      [
        '-Xmx384m',
        '-Xshare:auto',
        '-XX:TieredStopAtLevel=1',
        '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
        `-Dorg.slf4j.simpleLogger.logFile=${join(folder, 'broker.log')}`,
        '-cp',
        join(jars, '*'),
        main,
        ...args,
      ],
      { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    child.stderr.on('data', (chunk: Buffer) => {
      writeFileSync(join(folder, 'stderr.log'), chunk, { flag: 'a' });
    });
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill); // a test run that is cut off leaves no broker behind
    child.once('exit', () => process.off('exit', kill));
    return child;
  }

  async #toEnd(child: ChildProcess): Promise<void> {
    const code = await childEnd(child, 'exit', () => this.#log());
    if (code !== 0) throw new Error(`formatting the storage ended with ${code}:\n${this.#log()}`);
  }

  #log(): string {
    return ['broker.log', 'stderr.log']
      .map((name) => join(this.#options.folder, name))
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, 'utf8').slice(-4000))
      .join('\n');
  }

  #properties(): string {
    const { folder, portBase, secured } = this.#options;
    const controller = `127.0.0.1:${portBase + 1}`;
    const lines = {
      'process.roles': 'broker,controller',
      'node.id': '1',
      'controller.quorum.voters': `1@${controller}`,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      listeners: `PLAINTEXT://${this.address},CONTROLLER://${controller}`,
      'advertised.listeners': `PLAINTEXT://${this.address}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL',
      'log.dirs': join(folder, 'data'),
      'offsets.topic.replication.factor': '1',
      'offsets.topic.num.partitions': '1',
      'group.initial.rebalance.delay.ms': '0',
      'auto.create.topics.enable': 'false',
      'log.cleaner.dedupe.buffer.size': '4194304',
    };
    const more = secured === undefined ? {} : this.#securedListener(secured, lines);
    return Object.entries({ ...lines, ...more })
      .map(([name, value]) => `${name}=${value}\n`)
      .join('');
  }

  #securedListener(
    secured: NonNullable<BrokerOptions['secured']>,
    lines: { readonly listeners: string; readonly 'advertised.listeners': string },
  ): Record<string, string> {
    const keystore = join(this.#options.folder, 'server.pem');
    writeFileSync(keystore, `${secured.keyPem}\n${secured.certificatePem}`, { mode: 0o600 });
    const listener = `SASL_SSL://${this.securedAddress}`;
    const user = '"user_$ConnectionString"';
    return {
      listeners: `${lines.listeners},${listener}`,
      'advertised.listeners': `${lines['advertised.listeners']},${listener}`,
      'sasl.enabled.mechanisms': 'PLAIN',
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': keystore,
      'listener.name.sasl_ssl.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required ${user}="${secured.password}";`,
    };
  }
}
