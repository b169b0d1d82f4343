import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';

import { DependencyError, errorMessage } from '@holdfast/base';

import { applyCommands, isComplete, listCommand, removeCommands } from './rules.ts';
import type { RedirectCommand, Redirection, RedirectTool } from './rules.ts';

const COMMAND_MS = 20_000;
const ROUTE_LOCALNET = '/proc/sys/net/ipv4/conf/all/route_localnet';

/** Runs one program and answers what it printed. */
export type RunProgram = (command: RedirectCommand) => Promise<string>;

/** Puts the redirection in place, looks after it, and takes it away. */
export interface Redirector {
  apply(): Promise<void>;
  /** Applies again when somebody changed the rules; answers whether that was needed. */
  repair(): Promise<boolean>;
  remove(): Promise<void>;
}

export interface RedirectorOptions {
  readonly tool: RedirectTool;
  readonly redirection: Redirection;
  /** In front of each program: `ip netns exec NAME` for another network namespace. */
  readonly prefix?: readonly string[];
  readonly run?: RunProgram;
}

/**
 * The redirection of one network namespace; needs the capabilities NET_ADMIN and NET_RAW. Every step can be repeated.
 * @throws DependencyError REDIRECT_FAILED
 */
export function createRedirector(options: RedirectorOptions): Redirector {
  const { tool, redirection } = options;
  const run = options.run ?? ((command) => runProgram(command, options.prefix ?? []));
  const runAll = async (commands: readonly RedirectCommand[]): Promise<void> => {
    for (const command of commands) {
      try {
        await run(command);
      } catch (error) {
        if (command.mayFail !== true) throw error;
      }
    }
  };
  const apply = async (): Promise<void> => {
    // The guard first: nothing from outside may reach loopback listeners when the kernel starts to route there.
    await runAll(applyCommands(tool, redirection));
    await routeLoopback(run, options.prefix ?? []);
  };
  return {
    apply,
    repair: async () => {
      let listing = '';
      try {
        listing = await run(listCommand(tool));
      } catch {
        // Not there: that is what a repair is for.
      }
      if (isComplete(tool, listing, redirection)) return false;
      await apply();
      return true;
    },
    remove: async () => {
      await runAll(removeCommands(tool));
    },
  };
}

/** Without it the kernel drops what is redirected to a loopback address. It stays on: kube-proxy needs it as well. */
async function routeLoopback(run: RunProgram, prefix: readonly string[]): Promise<void> {
  if (prefix.length > 0) {
    await run({ program: 'sh', arguments: ['-c', `echo 1 > ${ROUTE_LOCALNET}`] });
    return;
  }
  try {
    if ((await readFile(ROUTE_LOCALNET, 'utf8')).trim() !== '1') await writeFile(ROUTE_LOCALNET, '1');
  } catch (cause) {
    throw redirectFailed(`route_localnet cannot be set: ${errorMessage(cause)}`, cause);
  }
}

async function runProgram(command: RedirectCommand, prefix: readonly string[]): Promise<string> {
  const [program = command.program, ...words] = [...prefix, command.program, ...command.arguments];
  return await new Promise((resolve, reject) => {
    const child = execFile(program, words, { timeout: COMMAND_MS }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (error.code === 'ENOENT') reject(redirectFailed(`there is no program ${program}`, error));
      else reject(redirectFailed(`${command.program} failed: ${stderr.trim().slice(0, 500) || error.message}`, error));
    });
    // A program that ended before it read everything says so itself.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(command.input);
  });
}

function redirectFailed(message: string, cause: unknown): DependencyError {
  return new DependencyError('REDIRECT_FAILED', message, {
    retryable: false,
    cause,
    action: 'Install nftables or iptables, and run with the capabilities NET_ADMIN and NET_RAW.',
  });
}
