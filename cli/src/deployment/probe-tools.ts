import { execFile } from 'node:child_process';

import type { ToolFacts } from '@holdfast/deployment';

import type { CliIo } from '../context.ts';

const DEADLINE_MS = 15_000;

/** Looks which tools this machine has. A tool that does not answer counts as missing. */
export async function probeTools(env: CliIo['env']): Promise<ToolFacts> {
  const [azure, kubectl, helm] = await Promise.all([
    answer(env, 'az', ['version', '--output', 'json']),
    answer(env, 'kubectl', ['version', '--client', '--output', 'json']),
    answer(env, 'helm', ['version', '--template', '{{.Version}}']),
  ]);
  const cli = parse(azure) as { 'azure-cli'?: string; extensions?: Record<string, string> } | undefined;
  const client = (parse(kubectl) as { clientVersion?: { gitVersion?: string } } | undefined)?.clientVersion?.gitVersion;
  const version = cli?.['azure-cli'];
  return {
    node: process.versions.node,
    ...(version === undefined ? {} : { azureCli: { version, extensions: cli?.extensions ?? {} } }),
    ...(client === undefined ? {} : { kubectl: client.replace(/^v/, '') }),
    ...(helm === undefined ? {} : { helm: helm.trim().replace(/^v/, '') }),
  };
}

function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Whatever it says, it is not the tool that is meant.
    return undefined;
  }
}

function answer(env: CliIo['env'], command: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((done) => {
    execFile(command, args, { env, timeout: DEADLINE_MS, maxBuffer: 1024 * 1024 }, (error, stdout) => {
      done(error === null ? stdout : undefined);
    });
  });
}
