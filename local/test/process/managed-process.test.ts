import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { describeExit, ManagedProcess, necessaryEnvironment } from '../../src/process/managed-process.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { waitFor } from '../../testing/wait-for.ts';

function node(script: string, logFile: string): Parameters<typeof ManagedProcess.start>[0] {
  return { command: [process.execPath, '-e', script], environment: {}, logFile };
}

/** Resolves once the program has written `text`. */
async function written(logFile: string, text: string): Promise<void> {
  const log = (): Promise<string> => readFile(logFile, 'utf8');
  await waitFor(
    async () => (await log()).includes(text),
    15_000,
    () => `"${text}" is not in ${logFile}`,
    10,
  );
}

describe('ManagedProcess', () => {
  it('tells exit codes and signals, and keeps what the program wrote', async () => {
    await using folder = await temporaryFolder();
    const logFile = join(folder.path, 'log');
    const failing = await ManagedProcess.start(
      node('console.log("out"); console.error("err"); process.exit(7)', logFile),
    );
    expect(describeExit(await failing.exited)).toBe('exit code 7');
    expect(await readFile(logFile, 'utf8')).toBe('out\nerr\n');
    const waiting = await ManagedProcess.start(node('setInterval(() => {}, 1000)', logFile));
    waiting.kill();
    expect(describeExit(await waiting.exited)).toBe('signal SIGKILL');
  });

  it('gives the program exactly the environment it is told', async () => {
    await using folder = await temporaryFolder();
    const logFile = join(folder.path, 'log');
    const script = 'console.log(JSON.stringify(process.env))';
    const child = await ManagedProcess.start({ ...node(script, logFile), environment: { ONLY: 'this' } });
    await child.exited;
    expect(JSON.parse(await readFile(logFile, 'utf8'))).toEqual({ ONLY: 'this' });
  });

  it('closes the standard input of a program that is stopped', async () => {
    await using folder = await temporaryFolder();
    const logFile = join(folder.path, 'log');
    const script =
      'process.on("SIGTERM", () => {}); process.stdin.on("end", () => process.exit(5)).resume(); console.log("up")';
    const child = await ManagedProcess.start(node(script, logFile));
    await written(logFile, 'up');
    expect(await child.stop(60_000)).toEqual({ code: 5, signal: undefined });
  });

  it('kills a program that ignores being stopped', async () => {
    await using folder = await temporaryFolder();
    const logFile = join(folder.path, 'log');
    const child = await ManagedProcess.start(
      node('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("up")', logFile),
    );
    await written(logFile, 'up');
    expect(await child.stop(20)).toEqual({ code: undefined, signal: 'SIGKILL' });
  });

  it('names a program that cannot be run', async () => {
    await using folder = await temporaryFolder();
    const spec = { command: ['/nowhere/program'], environment: {}, logFile: join(folder.path, 'log') };
    await expect(ManagedProcess.start(spec)).rejects.toMatchObject({
      code: 'PROCESS_NOT_STARTED',
      message: expect.stringContaining('/nowhere/program'),
    });
  });
});

describe('necessaryEnvironment', () => {
  it('keeps the path and drops everything that could be a secret', () => {
    expect(necessaryEnvironment({ PATH: '/bin', UID2_CLIENT_SECRET: 'x', AWS_SECRET_ACCESS_KEY: 'y' })).toEqual({
      PATH: '/bin',
    });
  });
});
