/**
 * Root hashes of a synthetic layer of 1 GB beside one bare SHA-256 over the same bytes: in this thread, and with one thread
 * more for the blocks. Peak memory is that of the whole process so far, so what needs least comes first.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

import { createBlockHashingPool } from '@holdfast/oci';
import { hashLayerFormats } from '@holdfast/policy/layers';
import type { HashBlocks, LayerFormat } from '@holdfast/policy/layers';

import { describeMachine } from '../src/machine.ts';
import { rounded } from '../src/report.ts';
import { median } from '../src/statistics.ts';

const FILES = 2_000;
const FILE_BYTES = 500_000;
const TAR_BLOCK = 512;
const CHUNK = 64 * 1024;

/** A ustar header of a regular file. */
function header(name: string, size: number): Buffer {
  const bytes = Buffer.alloc(TAR_BLOCK);
  bytes.write(name, 0);
  bytes.write('0000644\x000000000\x000000000\0', 100, 'latin1');
  bytes.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  bytes.write('14524770400\0        0', 136, 'latin1');
  bytes.write('ustar\x0000', 257, 'latin1');
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

const content = Buffer.alloc(FILE_BYTES + CHUNK);
for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);

/** The same bytes at every call, in pieces as a file stream gives them. */
async function* layer(): AsyncGenerator<Buffer> {
  const padding = Buffer.alloc((TAR_BLOCK - (FILE_BYTES % TAR_BLOCK)) % TAR_BLOCK);
  for (let file = 0; file < FILES; file += 1) {
    yield header(`directory-${file % 50}/file-${file}`, FILE_BYTES);
    const shift = (file * 4) % CHUNK;
    for (let at = 0; at < FILE_BYTES; at += CHUNK)
      yield content.subarray(shift + at, shift + Math.min(at + CHUNK, FILE_BYTES));
    yield padding;
  }
  yield Buffer.alloc(2 * TAR_BLOCK);
}

async function bareHash(): Promise<number> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of layer()) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  hash.digest();
  return bytes;
}

async function layerHash(formats: readonly LayerFormat[], hashBlocks?: HashBlocks): Promise<number> {
  const { tarBytes } = await hashLayerFormats(layer(), formats, hashBlocks === undefined ? {} : { hashBlocks });
  return tarBytes;
}

const rounds = Math.min(5, Number(process.argv[2] ?? 3));
const pool = createBlockHashingPool();
const variants = [
  { name: 'bare sha256', run: bareHash },
  { name: 'ext4, one thread', run: () => layerHash(['ext4']) },
  { name: 'ext4, block hashing pool', run: () => layerHash(['ext4'], pool.hashBlocks) },
  { name: 'tarfs, block hashing pool', run: () => layerHash(['tarfs'], pool.hashBlocks) },
  { name: 'ext4 and tarfs, block hashing pool', run: () => layerHash(['ext4', 'tarfs'], pool.hashBlocks) },
].map((variant) => ({ ...variant, rates: [] as number[], peakMb: 0 }));
for (let round = 0; round < rounds; round += 1) {
  for (const variant of variants) {
    const start = performance.now();
    const bytes = await variant.run();
    variant.rates.push(bytes / 1000 / (performance.now() - start));
    variant.peakMb = process.resourceUsage().maxRSS / 1024;
  }
}
await pool.close();
const bare = median(variants[0]?.rates ?? []);
const results = variants.map(({ name, rates, peakMb }) => ({
  name,
  megabytesPerSecond: rounded(median(rates), 0),
  slowest: rounded(Math.min(...rates), 0),
  fastest: rounded(Math.max(...rates), 0),
  ratioToBareSha256: rounded(median(rates) / bare, 2),
  peakResidentMb: rounded(peakMb, 0),
  rounds,
}));
process.stdout.write(`${JSON.stringify({ benchmark: 'layer-hash', results, machine: describeMachine() }, null, 2)}\n`);
