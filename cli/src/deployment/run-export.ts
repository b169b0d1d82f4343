import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { InternalError, PolicyError, RequestError } from '@holdfast/base';
import { exportDeployment, inspectBundle, resolveOffline } from '@holdfast/deployment';
import type { Bundle, DeploymentExport } from '@holdfast/deployment';

import type { ExportFlags } from '../commands/deployment.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { loadDeployment } from './load-config.ts';
import type { LoadedConfig } from './load-config.ts';
import { readRelease } from './read-release.ts';

/** `holdfast export`: a deployment as files, without asking anybody. */
export async function runExport(context: CliContext, flags: ExportFlags, what: 'arm' | 'yaml' | 'all'): Promise<void> {
  const { io } = context;
  if (what === 'all' && flags.out === undefined) {
    throw new RequestError('EXPORT_FOLDER_MISSING', 'holdfast export all writes several files and needs a folder', {
      action: 'Name one with --out.',
    });
  }
  const loaded = await loadDeployment(
    io,
    flags.file,
    flags.json,
    (config, lineOf) => resolveOffline(config, lineOf).problems,
  );
  const { resolved } = resolveOffline(loaded.config, loaded.lineOf);
  if (resolved === undefined)
    throw new InternalError('DEPLOYMENT_GRAPH_BROKEN', 'a configuration without problems was not resolved');
  const bundle = await verifiedRelease(io, loaded);
  const exported = exportDeployment(loaded.config, resolved, bundle === undefined ? {} : { bundle });
  for (const { file, notes } of exported.manifests) {
    if (what === 'arm') break;
    for (const note of notes) io.stderr.write(`${file}: ${note}\n`);
  }
  if (flags.out === undefined) print(io, exported, what, flags.json);
  else await save(io, exported, what, flags.out, flags.json);
}

/** A release is exported only when it is what was published. */
async function verifiedRelease(io: CliIo, { config, folder }: LoadedConfig): Promise<Bundle | undefined> {
  if (config.profile !== 'uid2-vn2' || config.operator.bundle === undefined) return undefined;
  const bundle = await readRelease(folder, config.operator.bundle.path);
  const { findings } = inspectBundle(bundle, config);
  const errors = findings.filter(({ severity }) => severity === 'error');
  const lines = errors.map(({ check, message }) => `${check}: ${message}`);
  if (lines.length > 0) {
    throw new PolicyError('BUNDLE_REFUSED', `the bundle is refused: ${lines.join('; ')}`, {
      details: { findings: lines },
      action: 'Run holdfast doctor for the remedies, and use the bundle as UID2 sent it.',
    });
  }
  for (const { check, message } of findings) io.stderr.write(`${check}: ${message}\n`);
  return bundle;
}

function chosen(exported: DeploymentExport, what: 'arm' | 'yaml' | 'all'): readonly (readonly [string, string])[] {
  const prefix = { arm: 'arm/', yaml: 'k8s/', all: '' }[what];
  return [...exported.files].filter(([path]) => path.startsWith(prefix));
}

function print(io: CliIo, exported: DeploymentExport, what: 'arm' | 'yaml' | 'all', json: boolean): void {
  if (what === 'arm') {
    const templates = Object.fromEntries(exported.deployments.map(({ file, template }) => [file, template]));
    io.stdout.write(`${JSON.stringify(templates, null, json ? 0 : 2)}\n`);
  } else if (json) {
    writeJson(io, { version: 1, objects: exported.manifests.flatMap(({ objects }) => objects) });
  } else {
    io.stdout.write(
      chosen(exported, what)
        .map(([, text]) => text)
        .join('---\n'),
    );
  }
}

async function save(
  io: CliIo,
  exported: DeploymentExport,
  what: 'arm' | 'yaml' | 'all',
  out: string,
  json: boolean,
): Promise<void> {
  const folder = resolve(io.cwd, out);
  const files = chosen(exported, what);
  for (const [path, text] of files) await writeAtomically(join(folder, path), text);
  const names = files.map(([path]) => path);
  if (json) writeJson(io, { version: 1, folder, files: names });
  else io.stdout.write(`${names.map((name) => join(out, name)).join('\n')}\n`);
}

async function writeAtomically(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}
