import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Pkcs12Request {
  /** Length of the chain: the leaf alone, or with the authorities above it. */
  readonly certificates: 1 | 2 | 3;
  /** Further arguments of `openssl pkcs12 -export`. */
  readonly options?: readonly string[];
  readonly key?: readonly string[];
}

/** Base64 of a PKCS#12 file with an empty password, made by OpenSSL; authorities stand before the root-first order is made. */
export async function pkcs12Of({ certificates, options = [], key = ['rsa:2048'] }: Pkcs12Request): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-pkcs12-'));
  const file = (name: string): string => join(folder, name);
  const certify = async (name: string, issuer: string | undefined): Promise<void> => {
    const authority = issuer === undefined ? [] : ['-CA', file(`${issuer}.pem`), '-CAkey', file(`${issuer}.key`)];
    await run('openssl', [
      'req',
      '-x509',
      '-newkey',
      ...key,
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      ...authority,
      '-keyout',
      file(`${name}.key`),
      '-out',
      file(`${name}.pem`),
    ]);
  };
  try {
    const names = ['leaf', 'middle', 'root'].slice(0, certificates);
    for (let at = names.length - 1; at >= 0; at--) await certify(names[at] ?? '', names[at + 1]);
    const authorities = await Promise.all(
      names
        .slice(1)
        .toReversed()
        .map(async (name) => readFile(file(`${name}.pem`))),
    );
    const chain = authorities.length === 0 ? [] : ['-certfile', file('chain.pem')];
    const { writeFile } = await import('node:fs/promises');
    await writeFile(file('chain.pem'), Buffer.concat(authorities));
    await run('openssl', [
      'pkcs12',
      '-export',
      '-passout',
      'pass:',
      '-inkey',
      file('leaf.key'),
      '-in',
      file('leaf.pem'),
      ...chain,
      ...options,
      '-out',
      file('leaf.pfx'),
    ]);
    return (await readFile(file('leaf.pfx'))).toString('base64');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
