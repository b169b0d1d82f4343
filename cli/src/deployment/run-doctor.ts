import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { errorMessage, MalformedError, RequestError, Secret } from '@holdfast/base';
import { allChecks, pathText, runDoctor } from '@holdfast/deployment';
import type { CheckResult, Facts, FileFacts, Uid2Vn2Config } from '@holdfast/deployment';

import type { DoctorFlags } from '../commands/deployment.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { loadDeployment } from './load-config.ts';
import type { LoadedConfig } from './load-config.ts';
import { probeTools } from './probe-tools.ts';
import { readRelease } from './read-release.ts';

/** Exit codes of `holdfast doctor` beside the general ones. */
export const EXIT_BLOCKED = 3;
export const EXIT_WARNINGS = 4;

const DAY_MS = 86_400_000;

/** `holdfast doctor`: the checks that need nobody but this machine. */
export async function runDoctorCommand(context: CliContext, flags: DoctorFlags): Promise<void> {
  const { io } = context;
  const only = selected(flags.only);
  const loaded = await loadDeployment(io, flags.file, flags.json);
  const facts: Facts = { tools: await probeTools(io.env), files: await fileFacts(io, loaded) };
  const results = runDoctor(loaded.config, facts, only);
  if (flags.json) writeJson(io, jsonReport(results, loaded));
  else io.stdout.write(textReport(results, loaded, flags.verbose));
  const failed = results.filter(({ verdict }) => verdict === 'failed');
  if (failed.some(({ severity }) => severity === 'error')) context.setExitCode(EXIT_BLOCKED);
  else if (flags.strict && failed.some(({ severity }) => severity === 'warning')) context.setExitCode(EXIT_WARNINGS);
}

function selected(ids: readonly string[] | undefined): ReadonlySet<string> | undefined {
  if (ids === undefined) return undefined;
  const known = new Set(allChecks.map(({ id }) => id));
  const wanted = ids.map((id) => id.toUpperCase());
  const unknown = wanted.filter((id) => !known.has(id));
  if (unknown.length > 0) {
    throw new RequestError('CHECK_UNKNOWN', `there is no check ${unknown.join(', ')}`, {
      action: 'docs/reference/doctor.md lists them all.',
    });
  }
  return new Set(wanted);
}

async function fileFacts(io: CliIo, { config, folder }: LoadedConfig): Promise<FileFacts> {
  if (config.profile !== 'uid2-vn2') return {};
  const key = await operatorKey(io, config, folder);
  const bundle = config.operator.bundle;
  const age =
    bundle?.released === undefined
      ? {}
      : { bundleAgeDays: Math.floor((Date.now() - Date.parse(bundle.released)) / DAY_MS) };
  return {
    ...(key === undefined ? {} : { operatorKey: new Secret(key) }),
    ...age,
    ...(bundle === undefined ? {} : await release(folder, bundle.path)),
  };
}

async function release(folder: string, path: string): Promise<Pick<FileFacts, 'bundle' | 'bundleProblem'>> {
  try {
    return { bundle: await readRelease(folder, path) };
  } catch (error) {
    if (error instanceof MalformedError || error instanceof RequestError) return { bundleProblem: errorMessage(error) };
    throw error;
  }
}

/** The key, where it can be read without asking anybody. Standard input is left to the command that writes the key. */
async function operatorKey(io: CliIo, config: Uid2Vn2Config, folder: string): Promise<string | undefined> {
  const source = config.operator.keySource;
  if (source === 'stdin') return undefined;
  if ('env' in source) return io.env[source.env] ?? '';
  if (!('file' in source)) return undefined;
  try {
    return (await readFile(resolve(folder, source.file), 'utf8')).replace(/\r?\n$/, '');
  } catch {
    // A file that cannot be read holds no key, which the check says.
    return '';
  }
}

function counts(
  results: readonly CheckResult[],
): Readonly<Record<'passed' | 'errors' | 'warnings' | 'information' | 'notChecked', number>> {
  const failed = (severity: string): number =>
    results.filter((result) => result.verdict === 'failed' && result.severity === severity).length;
  return {
    passed: results.filter(({ verdict }) => verdict === 'passed').length,
    errors: failed('error'),
    warnings: failed('warning'),
    information: failed('info'),
    notChecked: results.filter(({ verdict }) => verdict === 'not-checked').length,
  };
}

function jsonReport(results: readonly CheckResult[], loaded: LoadedConfig): unknown {
  return {
    version: 1,
    profile: loaded.config.profile,
    file: loaded.file,
    summary: counts(results),
    checks: results.map(({ check, verdict, severity, findings }) => ({
      id: check.id,
      title: check.title,
      severity,
      verdict,
      findings: findings.map(({ message, path, severity: own }) => ({
        message,
        severity: own ?? check.severity,
        path: path === undefined ? null : pathText(path),
        line: path === undefined ? null : loaded.lineOf(path),
      })),
      remedy: check.remedy,
    })),
  };
}

const words = { error: 'error', warning: 'warning', info: 'note' } as const;

function textReport(results: readonly CheckResult[], loaded: LoadedConfig, verbose: boolean): string {
  const lines: string[] = [];
  for (const { check, verdict, severity, findings } of results) {
    if (verdict !== 'failed') {
      if (verbose) lines.push(`${check.id}  ${verdict === 'passed' ? 'passed' : 'not checked'}  ${check.title}`);
      continue;
    }
    lines.push(`${check.id}  ${words[severity]}  ${check.title}`);
    for (const { message, path } of findings) {
      const place = path === undefined ? '' : `${loaded.file}:${loaded.lineOf(path)}: ${pathText(path)}: `;
      lines.push(`    ${place}${message}`);
    }
    lines.push(`    ${check.remedy}`);
  }
  const { passed, errors, warnings, notChecked } = counts(results);
  const open = notChecked === 0 ? '' : `, ${notChecked} not checked because they need Azure, the cluster or more files`;
  lines.push(`${passed} passed, ${plural(errors, 'error')}, ${plural(warnings, 'warning')}${open}.`);
  return `${lines.join('\n')}\n`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
