/**
 * Stands in for `holdfast serve` in tests: listens where the named service would listen, without doing its work.
 * Services named in `logs/dying.json` of the home folder log a complaint and end instead. The operator answers as
 * `startFakeOperator` does, with the credentials of the home folder, which it finds beside the CA it is told to trust.
 */
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { dirname, join } from 'node:path';

const [name = '', ...args] = process.argv.slice(2);
const answerOk: RequestListener = (_request, response) => response.end('OK');

process.stdin.on('end', () => process.exit(0)).resume();
process.on('SIGTERM', () => process.exit(0));

if (dying().includes(name)) {
  const complaint = {
    level: 'fatal',
    msg: `${name} was told to die`,
    code: 'TOLD_TO_DIE',
    action: 'Do not tell it to.',
  };
  process.stdout.write(`${JSON.stringify(complaint)}\n`);
  process.exit(41);
}
await serve();

async function serve(): Promise<void> {
  if (name === 'skr') {
    createHttpServer(answerOk).listen(Number(process.env['Port']), '127.0.0.1');
    return;
  }
  if (name === 'operator') {
    const { client } = homeJson('credentials.json') as { client: { apiKey: string; secret: string } };
    // Imported here, so that the other services start quickly.
    const { startFakeOperator } = await import('./fake-operator.ts');
    await startFakeOperator(Number(process.env['http_port'] ?? 8080), client);
    return;
  }
  const config = JSON.parse(readFileSync(args[args.indexOf('--config') + 1] ?? '', 'utf8')) as {
    port: number;
    tls_key_file?: string;
    tls_certificate_file?: string;
  };
  const { tls_key_file: key, tls_certificate_file: cert } = config;
  const server =
    key === undefined || cert === undefined
      ? createHttpServer(answerOk)
      : createHttpsServer({ key: readFileSync(key), cert: readFileSync(cert) }, answerOk);
  server.listen(config.port, '127.0.0.1');
}

/** Services that are to die: a file in the home folder, because the environment of children is not inherited. */
function dying(): readonly string[] {
  try {
    return homeJson('logs/dying.json') as string[];
  } catch {
    return []; // nobody is to die
  }
}

function homeJson(path: string): unknown {
  const home = dirname(dirname(process.env['NODE_EXTRA_CA_CERTS'] ?? ''));
  return JSON.parse(readFileSync(join(home, path), 'utf8'));
}
