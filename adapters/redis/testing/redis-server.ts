import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Path of a real redis-server; undefined where there is none. */
export const redisServerProgram = process.env['HOLDFAST_REDIS_SERVER'];

export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  /** Ends it at once, as a machine that is lost. */
  kill(): Promise<void>;
}

export interface RedisServerOptions {
  readonly password?: string;
  readonly port?: number;
  /** Files of a TLS listener, which then takes the place of the plain one. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

const ATTEMPTS = 5;

/** A real Redis without persistence, on a loopback port. */
export async function startRedisServer(program: string, options: RedisServerOptions = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(program, options, options.port ?? (await freePort()));
    } catch (error) {
      // Somebody else may have taken the port that was free a moment ago.
      if (options.port !== undefined || attempt === ATTEMPTS) throw error;
    }
  }
}

async function start(program: string, options: RedisServerOptions, port: number): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-redis-'));
  const listener =
    options.tls === undefined
      ? ['--port', String(port)]
      : ['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no'];
  const files =
    options.tls === undefined
      ? []
      : [
          '--tls-cert-file',
          options.tls.cert,
          '--tls-key-file',
          options.tls.key,
          '--tls-ca-cert-file',
          options.tls.cert,
        ];
  const password = options.password === undefined ? [] : ['--requirepass', options.password];
  const child = spawn(
    program,
    [...listener, ...files, ...password, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = createInterface(child.stdout);
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)));
    lines.on('line', (line) => {
      if (line.includes('Ready to accept connections')) resolve();
    });
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  return {
    port,
    kill: () => end('SIGKILL'),
    async [Symbol.asyncDispose]() {
      await end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
