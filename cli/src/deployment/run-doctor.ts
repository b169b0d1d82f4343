import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { errorMessage, MalformedError, RequestError, Secret } from '@holdfast/base';
import { allChecks, droppedFields, pathText, runDoctor } from '@holdfast/deployment';
import type { CheckResult, Facts, FileFacts, GatherNote, Uid2Vn2Config } from '@holdfast/deployment';

import type { DoctorFlags } from '../commands/deployment.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { homeFolder } from '../home-folder.ts';
import { gatherClusterFacts } from '../peer-pods/cluster-facts.ts';
import { connectDoctor, gatherLiveFacts } from './doctor-facts.ts';
import type { ConnectDoctor } from './doctor-facts.ts';
import { loadDeployment } from './load-config.ts';
import type { LoadedConfig } from './load-config.ts';
import { probeTools } from './probe-tools.ts';
import { readRelease } from './read-release.ts';

/** Exit codes of `holdfast doctor` beside the general ones. */
export const EXIT_BLOCKED = 3;
export const EXIT_WARNINGS = 4;

const DAY_MS = 86_400_000;

/** `holdfast doctor`: all checks, with what this machine, Azure and the cluster say. */
export async function runDoctorCommand(
  context: CliContext,
  flags: DoctorFlags,
  connect: ConnectDoctor = connectDoctor,
): Promise<void> {
  const { io } = context;
  const only = selected(flags.only);
  const loaded = await loadDeployment(io, flags.file, flags.json);
  const files = await fileFacts(io, loaded);
  const [tools, peerPodCluster, live] = await Promise.all([
    probeTools(io.env),
    flags.offline ? undefined : gatherClusterFacts(io, loaded.config, flags.kubeconfig),
    flags.offline
      ? undefined
      : gatherLiveFacts(
          {
            context,
            loaded,
            target: flags.target ?? 'azure',
            home: homeFolder(io, flags.home),
            only,
            operatorKey: files.operatorKey,
          },
          connect,
        ),
  ]);
  const facts: Facts = {
    tools,
    files,
    ...(live?.azure === undefined ? {} : { azure: live.azure }),
    ...(peerPodCluster === undefined ? {} : { peerPodCluster }),
  };
  const results = runDoctor(loaded.config, facts, only);
  const notes = live?.azure?.notes ?? [];
  if (flags.json) writeJson(io, jsonReport(results, loaded, notes));
  else io.stdout.write(textReport(results, loaded, flags.verbose, notes));
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
    ...(bundle === undefined ? {} : await release(config, folder, bundle.path)),
  };
}

async function release(
  config: Uid2Vn2Config,
  folder: string,
  path: string,
): Promise<Pick<FileFacts, 'bundle' | 'bundleProblem' | 'droppedFields'>> {
  try {
    const bundle = await readRelease(folder, path);
    const complete = bundle.deployment !== undefined && bundle.service !== undefined;
    return { bundle, ...(complete ? { droppedFields: droppedFields(bundle, config) } : {}) };
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

/** Why a check was not made, where somebody was asked in vain. */
function reasonOf({ check, verdict }: CheckResult, notes: readonly GatherNote[]): string | undefined {
  if (verdict !== 'not-checked') return undefined;
  return notes.find(({ checks }) => checks.length === 0 || checks.includes(check.id))?.reason;
}

function jsonReport(results: readonly CheckResult[], loaded: LoadedConfig, notes: readonly GatherNote[]): unknown {
  return {
    version: 1,
    profile: loaded.config.profile,
    file: loaded.file,
    summary: counts(results),
    notes: notes.map(({ subject, reason }) => ({ subject, reason })),
    checks: results.map((result) => {
      const { check, verdict, severity, findings } = result;
      return {
        id: check.id,
        title: check.title,
        severity,
        verdict,
        reason: reasonOf(result, notes) ?? null,
        findings: findings.map(({ message, path, severity: own }) => ({
          message,
          severity: own ?? check.severity,
          path: path === undefined ? null : pathText(path),
          line: path === undefined ? null : loaded.lineOf(path),
        })),
        remedy: check.remedy,
      };
    }),
  };
}

const words = { error: 'error', warning: 'warning', info: 'note' } as const;

function textReport(
  results: readonly CheckResult[],
  loaded: LoadedConfig,
  verbose: boolean,
  notes: readonly GatherNote[],
): string {
  const lines: string[] = [];
  for (const result of results) {
    const { check, verdict, severity, findings } = result;
    if (verdict !== 'failed') {
      if (!verbose) continue;
      lines.push(`${check.id}  ${verdict === 'passed' ? 'passed' : 'not checked'}  ${check.title}`);
      const reason = reasonOf(result, notes);
      if (reason !== undefined) lines.push(`    ${reason}`);
      continue;
    }
    lines.push(`${check.id}  ${words[severity]}  ${check.title}`);
    for (const { message, path } of findings) {
      const place = path === undefined ? '' : `${loaded.file}:${loaded.lineOf(path)}: ${pathText(path)}: `;
      lines.push(`    ${place}${message}`);
    }
    lines.push(`    ${check.remedy}`);
  }
  // A note about no check in particular was said already, when nobody could be asked.
  for (const { subject, reason, checks } of notes) {
    if (checks.length > 0) lines.push(`not known: ${subject}: ${reason}`);
  }
  const { passed, errors, warnings, notChecked } = counts(results);
  const open = notChecked === 0 ? '' : `, ${notChecked} not checked because they need Azure, the cluster or more files`;
  lines.push(`${passed} passed, ${plural(errors, 'error')}, ${plural(warnings, 'warning')}${open}.`);
  return `${lines.join('\n')}\n`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
