import { existsSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Folders of logs that stay for each workload, beside those of its pods that run. */
const KEPT = 5;
const POD_FOLDER = /^([^_]+)_([^_]+)_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** What controllers append to the name of a workload. */
const GENERATED = /(?:-[bcdfghjklmnpqrstvwxz2456789]{10})?-(?:[bcdfghjklmnpqrstvwxz2456789]{5}|\d+)$/;

/**
 * Removes the logs of pods that are gone, but for the newest few of each workload.
 * @param podsFolder Where pods have their folders as long as they are there, under the same names.
 */
export async function pruneLogs(logsFolder: string, podsFolder: string): Promise<void> {
  const workloads = new Map<string, { readonly name: string; readonly mtimeMs: number }[]>();
  // No pod of the cloud has printed anything yet.
  if (!existsSync(logsFolder)) return;
  for (const name of await readdir(logsFolder)) {
    const [, namespace = '', pod] = POD_FOLDER.exec(name) ?? [];
    if (pod === undefined || existsSync(join(podsFolder, name))) continue;
    const found = await stat(join(logsFolder, name)).catch(() => undefined);
    // Another cluster of the same home has removed it meanwhile.
    if (found === undefined) continue;
    const key = `${namespace}/${pod.replace(GENERATED, '')}`;
    workloads.set(key, [...(workloads.get(key) ?? []), { name, mtimeMs: found.mtimeMs }]);
  }
  for (const gone of workloads.values()) {
    const old = gone.sort((a, b) => b.mtimeMs - a.mtimeMs).slice(KEPT);
    for (const { name } of old) await rm(join(logsFolder, name), { recursive: true, force: true });
  }
}
