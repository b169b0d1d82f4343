import { mkdtemp, open, rm } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createBlockHashingPool, createLayerHasher, imageFactsSource, openLayout, writeOciLayout } from '@holdfast/oci';
import { generateCce } from '@holdfast/policy';

import { describeMachine } from '../src/machine.ts';
import { rounded } from '../src/report.ts';

/**
 * A CCE policy for an image of 1 GiB in four layers, from an OCI image layout, none of it cached: time and peak resident size. The
 * policy is made in a process of its own, so that writing the image does not count. The peak has to stay below 300 MB.
 */
const REFERENCE = 'registry.example/large:1';
const LAYERS = 4;
const FILES = 4;
const FILE_MIB = 64;
const MIB = 1024 * 1024;

const [folder] = process.argv.slice(2).filter((argument) => argument.includes('/'));
await (folder === undefined ? measure() : generate(folder));

async function measure(): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  try {
    const layout = join(home, 'layout');
    await writeImage(home, layout);
    const { stdout, stderr, status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), layout]);
    if (status !== 0) throw new Error(stderr.toString());
    const result = JSON.parse(stdout.toString()) as { readonly seconds: number; readonly peakResidentMb: number };
    const mebibytes = LAYERS * FILES * FILE_MIB;
    const results = [{ name: 'CCE policy', mebibytes, ...result, belowLimit: result.peakResidentMb < 300 }];
    process.stdout.write(
      `${JSON.stringify({ benchmark: 'policy-image', results, machine: describeMachine() }, null, 2)}\n`,
    );
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Content that does not compress and is the same at every run. */
async function writeImage(home: string, layout: string): Promise<void> {
  const block = Buffer.alloc(MIB);
  const layers = [];
  for (let layer = 0; layer < LAYERS; layer += 1) {
    const source = join(home, `content-${layer}`);
    const handle = await open(source, 'w');
    for (let mib = 0; mib < FILE_MIB; mib += 1) {
      for (let at = 0; at < MIB; at += 4) block.writeUInt32LE(Math.imul(at + layer + mib, 2_654_435_761) >>> 0, at);
      await handle.write(block);
    }
    await handle.close();
    layers.push(
      Array.from({ length: FILES }, (_, file) => ({
        kind: 'file' as const,
        path: `data/${layer}/${file}`,
        source,
        mode: 0o644,
      })),
    );
  }
  await writeOciLayout({ folder: layout, reference: REFERENCE, image: { config: { Cmd: ['/app'] }, layers } });
}

async function generate(layout: string): Promise<void> {
  const start = performance.now();
  const source = await openLayout(layout);
  const pool = createBlockHashingPool();
  const hasher = createLayerHasher({ hashBlocks: pool.hashBlocks });
  const images = imageFactsSource({ sourceOf: () => source, hasher, formats: ['ext4'] });
  await generateCce({ kind: 'images', references: [REFERENCE] }, images);
  await pool.close();
  await source.close();
  const result = {
    seconds: rounded((performance.now() - start) / 1000, 1),
    peakResidentMb: rounded(process.resourceUsage().maxRSS / 1024, 0),
  };
  process.stdout.write(JSON.stringify(result));
}
