import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';

import { ConfigError, errorMessage, RequestError } from '@holdfast/base';
import { allProblems, pathText, problemLines, readConfig } from '@holdfast/deployment';
import type { ConfigProblem, DeploymentConfig, ReadConfig } from '@holdfast/deployment';

import type { CliIo } from '../context.ts';

export interface LoadedConfig {
  readonly config: DeploymentConfig;
  readonly lineOf: ReadConfig['lineOf'];
  /** As it was named, for messages. */
  readonly file: string;
  /** Where relative paths of the configuration start. */
  readonly folder: string;
}

const MAX_BYTES = 1024 * 1024;

/** Further problems that a command has with a configuration. */
export type Requirements = (config: DeploymentConfig, lineOf: ReadConfig['lineOf']) => readonly ConfigProblem[];

/**
 * Reads and checks the configuration of a deployment. With `requirements`, what it means together and what the command
 * needs is checked as well; without, only grammar and values are, and the rest is left to the checks of the doctor.
 */
export async function loadDeployment(
  io: CliIo,
  name: string,
  json: boolean,
  requirements?: Requirements,
): Promise<LoadedConfig> {
  const path = resolve(io.cwd, name);
  const read = readConfig(await readText(path, name));
  const { config, lineOf } = read;
  const problems: ConfigProblem[] = [];
  if (requirements !== undefined || read.problems.length > 0) problems.push(...allProblems(read));
  if (requirements !== undefined && config !== undefined) {
    const known = new Set(problems.map((problem) => pathText(problem.path)));
    problems.push(...requirements(config, lineOf).filter((problem) => !known.has(pathText(problem.path))));
  }
  if (config === undefined || problems.length > 0) throw configError(io, problems, name, json);
  return { config, lineOf, file: basename(path), folder: dirname(path) };
}

/** The error for problems; people get them one in a line, programs as details. */
function configError(io: CliIo, problems: readonly ConfigProblem[], file: string, json: boolean): ConfigError {
  const lines = problemLines(problems, file);
  if (!json) for (const line of lines) io.stderr.write(`${line}\n`);
  const count = `${lines.length} ${lines.length === 1 ? 'problem' : 'problems'} in ${file}`;
  return new ConfigError('DEPLOYMENT_CONFIG_INVALID', [count], {
    details: { problems: lines },
    action: 'Correct them and run the same command again; docs/guides/deployment.md explains every setting.',
  });
}

async function readText(path: string, name: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) throw new RequestError('INPUT_TOO_LARGE', `${name} is larger than ${MAX_BYTES} bytes`);
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof RequestError) throw cause;
    const missing = (cause as { readonly code?: unknown }).code === 'ENOENT';
    const problem = missing ? 'there is no such file' : errorMessage(cause);
    throw new RequestError('INPUT_UNREADABLE', `${name} cannot be read: ${problem}`, {
      cause,
      action: 'Name the configuration with -f; examples/ holds one for each profile.',
    });
  }
}
