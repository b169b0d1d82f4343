import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Path of the program of Debian's package docker-registry; `npm run test:registry` finds and sets it. */
export const registryProgram = process.env['HOLDFAST_DOCKER_REGISTRY'];

export interface RunningRegistry {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  readonly stop: () => Promise<void>;
}

const START_TIMEOUT_MS = 90_000;

/** Starts the real registry on a free loopback port, its data in a new folder. `auth` is that section of its configuration. */
export async function startRegistry(folder: string, auth?: object): Promise<RunningRegistry> {
  await mkdir(folder, { recursive: true });
  const configFile = join(folder, 'config.yml');
  // JSON is YAML.
  const config = {
    version: '0.1',
    log: { level: 'info', formatter: 'text' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    http: { addr: '127.0.0.1:0', secret: 'test' },
    ...(auth === undefined ? {} : { auth }),
  };
  await writeFile(configFile, JSON.stringify(config));
  const child = spawn(registryProgram ?? 'docker-registry', ['serve', configFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => void child.once('close', () => resolve()));
  const host = await new Promise<string>((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`the registry does not start: ${output}`)), START_TIMEOUT_MS);
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const found = /listening on (127\.0\.0\.1:\d+)/.exec(output)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      output = '';
      resolve(found);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('close', () => reject(new Error(`the registry ended: ${output}`)));
  });
  return {
    host,
    stop: async () => {
      child.kill();
      await ended;
    },
  };
}
