import { createHash, randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { DependencyError, toHex } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';

import type { CertificateAuthority } from '../azure/index.ts';
import { lastLogLine } from '../process/log-file.ts';
import { describeExit, ManagedProcess } from '../process/managed-process.ts';
import { redisCommands } from './redis-commands.ts';

/** What a cache is told to be. */
export interface RedisSettings {
  readonly hostName: string;
  readonly nonSslPort: boolean;
  readonly primaryKey: string;
  readonly secondaryKey: string;
}

export interface RedisServerOptions {
  readonly program: string;
  /** From 127.0.0.0/8. */
  readonly address: string;
  /** For its configuration and what it keeps. */
  readonly folder: string;
  readonly logFile: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly authority: Pick<CertificateAuthority, 'caPem' | 'issueServerCertificate'>;
  readonly settings: RedisSettings;
  /** Told when it ends without having been asked to, once it has answered; the sentence says how. */
  readonly onEnd: (sentence: string) => void;
}

export const PLAIN_PORT = 6379;
export const TLS_PORT = 6380;
const READY_DEADLINE_MS = 60_000;
const COMMAND_TIMEOUT_MS = 5000;
const LOOK_INTERVAL_MS = 50;
const GRACE_MS = 10_000;
/** The user through which the local cloud itself changes keys. */
const KEEPER = 'holdfast';
/** What Azure Cache for Redis keeps from its users as well. */
const FORBIDDEN = [
  'acl',
  'bgrewriteaof',
  'bgsave',
  'cluster',
  'config',
  'debug',
  'migrate',
  'replicaof',
  'save',
  'shutdown',
];

/**
 * Redis knows nothing of our processes' rule to end with their parent, so a shell stands between: it ends the server when its standard
 * input closes, however this process ended, and itself when the server has.
 */
const UNTIL_STDIN_CLOSES = `
exec 3<&0
"$1" "$2" </dev/null 3<&- & server=$!
trap 'kill "$server" 2>/dev/null' TERM
( read -r _ <&3; kill "$server" 2>/dev/null ) & watcher=$!
exec 3<&-
code=1
while kill -0 "$server" 2>/dev/null; do wait "$server"; code=$?; done
kill "$watcher" 2>/dev/null
exit "$code"
`;

/**
 * A real redis-server that stands for one cache: on an address of its own, with TLS on 6380 and, where the cache has that port, without on
 * 6379. Both keys are passwords of the default user. It knows only their digests, from a file; every write is appended to a log, so what
 * was written is there again at the next start.
 */
export class RedisServer {
  readonly #options: RedisServerOptions;
  readonly #process: ManagedProcess;
  readonly #keeperPassword: string;
  #settings: RedisSettings;
  #stopping = false;

  private constructor(options: RedisServerOptions, process: ManagedProcess, keeperPassword: string) {
    this.#options = options;
    this.#process = process;
    this.#keeperPassword = keeperPassword;
    this.#settings = options.settings;
  }

  /**
   * Starts one and waits until it answers.
   * @throws DependencyError REDIS_SERVER_FAILED, PROCESS_NOT_STARTED
   */
  static async start(options: RedisServerOptions): Promise<RedisServer> {
    const keeperPassword = toHex(randomBytes(32));
    const file = await writeConfiguration(options, keeperPassword);
    const process = await ManagedProcess.start({
      command: ['/bin/sh', '-c', UNTIL_STDIN_CLOSES, 'redis', options.program, file],
      environment: options.environment,
      logFile: options.logFile,
      workingDirectory: options.folder,
    });
    const server = new RedisServer(options, process, keeperPassword);
    try {
      await server.#ready();
    } catch (error) {
      await server.stop();
      throw error;
    }
    void process.exited.then((exit) => {
      if (!server.#stopping)
        options.onEnd(`redis-server of ${options.settings.hostName} ended with ${describeExit(exit)}`);
    });
    return server;
  }

  get running(): boolean {
    return this.#process.running;
  }

  get settings(): RedisSettings {
    return this.#settings;
  }

  /** Replaces both keys; open connections stay, as they do in Azure. */
  async setKeys(keys: Pick<RedisSettings, 'primaryKey' | 'secondaryKey'>): Promise<void> {
    const passwords = [keys.primaryKey, keys.secondaryKey].map((key) => `#${digestOf(key)}`);
    await this.#asKeeper(['ACL', 'SETUSER', 'default', 'resetpass', ...passwords]);
    this.#settings = { ...this.#settings, ...keys };
  }

  /** Ends it; what was written is on disk. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#process.stop(GRACE_MS);
  }

  kill(): void {
    this.#stopping = true;
    this.#process.kill();
  }

  async #ready(): Promise<void> {
    const deadline = performance.now() + READY_DEADLINE_MS;
    for (;;) {
      try {
        await this.#asKeeper(['PING']);
        return;
      } catch (cause) {
        if (this.#process.running && performance.now() < deadline) {
          await pause(LOOK_INTERVAL_MS);
          continue;
        }
        const { hostName } = this.#settings;
        const why = this.#process.running
          ? 'does not answer'
          : `ended: ${(await lastLogLine(this.#options.logFile)) ?? 'it said nothing'}`;
        throw new DependencyError('REDIS_SERVER_FAILED', `redis-server of ${hostName} ${why}`, {
          retryable: true,
          cause,
          action: `Read ${this.#options.logFile}.`,
        });
      }
    }
  }

  async #asKeeper(command: readonly string[]): Promise<void> {
    const { address, authority } = this.#options;
    await redisCommands(
      { host: address, port: TLS_PORT, serverName: this.#settings.hostName, ca: authority.caPem },
      [['AUTH', KEEPER, this.#keeperPassword], command],
      COMMAND_TIMEOUT_MS,
    );
  }
}

async function writeConfiguration(options: RedisServerOptions, keeperPassword: string): Promise<string> {
  const { folder, address, settings } = options;
  const certificate = await options.authority.issueServerCertificate({ hosts: [settings.hostName] });
  const at = (name: string): string => join(folder, name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(at('server.pem'), certificate.certificatePem);
  await writeFileAtomic(at('server-key.pem'), certificate.keyPem, { mode: 0o600 });
  const keys = [settings.primaryKey, settings.secondaryKey].map((key) => `#${digestOf(key)}`).join(' ');
  const lines = [
    `bind ${address}`,
    `port ${settings.nonSslPort ? PLAIN_PORT : 0}`,
    `tls-port ${TLS_PORT}`,
    `tls-cert-file ${quoted(at('server.pem'))}`,
    `tls-key-file ${quoted(at('server-key.pem'))}`,
    'tls-auth-clients no',
    `dir ${quoted(folder)}`,
    'save ""',
    'appendonly yes',
    'databases 16',
    `user default on ${keys} ~* &* +@all ${FORBIDDEN.map((name) => `-${name}`).join(' ')}`,
    `user ${KEEPER} on #${digestOf(keeperPassword)} ~* &* +@all`,
  ];
  await writeFileAtomic(at('redis.conf'), `${lines.join('\n')}\n`, { mode: 0o600 });
  return at('redis.conf');
}

/** As Redis keeps passwords. */
function digestOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

function quoted(path: string): string {
  return `"${path.replaceAll(/["\\]/g, '\\$&')}"`;
}
