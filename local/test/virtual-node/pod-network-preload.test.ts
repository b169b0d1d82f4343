import { spawn } from 'node:child_process';
import { createServer } from 'node:http';

import { beforeAll, describe, expect, it } from 'vitest';

import { preloadOption, writePodPreloads } from '../../src/virtual-node/pod-preloads.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

const ADDRESS = '127.63.0.9';

let podFolder: string;

beforeAll(async () => {
  const folder = await temporaryFolder();
  podFolder = folder.path;
  await writePodPreloads(podFolder);
  return async () => folder[Symbol.asyncDispose]();
});

interface Seen {
  readonly listening: readonly string[];
  readonly answers: readonly string[];
  readonly outside: string;
}

/** Runs a program in the network of a pod and answers what it prints as JSON. */
async function inPod(
  program: string,
  hostPorts: readonly number[] = [],
  places: Readonly<Record<string, string>> = {},
  openPorts = 0,
): Promise<Seen> {
  const environment = {
    NODE_OPTIONS: preloadOption(podFolder, 'network'),
    HOLDFAST_POD_NETWORK: JSON.stringify({ address: ADDRESS, hostPorts, places, openPorts }),
  };
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const piece of child.stdout) text += String(piece);
  return JSON.parse(text) as Seen;
}

const HELPERS = `
  import http from 'node:http'; import net from 'node:net'; import { Worker } from 'node:worker_threads';
  const serve = (...args) => new Promise((done) => { const s = http.createServer((q, a) => a.end('pod')).listen(...args, () => done(s)); });
  const getText = (url) => new Promise((done) => http.get(url, (a) => { a.setEncoding('utf8'); a.once('data', done); }).once('error', (e) => done(e.code)));
  const tcp = (...args) => new Promise((done) => { const s = net.connect(...args, () => { done(s.remoteAddress); s.destroy(); }); s.once('error', (e) => done(e.code)); });
`;

describe('the network of a pod', () => {
  it.each([
    '0',
    "0, '0.0.0.0'",
    "0, '127.0.0.1'",
    "{ port: 0, host: '::' }",
    "{ port: 0, host: 'localhost', reusePort: true }",
  ])('lets listen(%s) mean the address of the pod, and reaches it as localhost', async (args) => {
    const seen = await inPod(`${HELPERS}
        const server = await serve(${args});
        const { address, port } = server.address();
        const answers = [await getText('http://localhost:' + port), await getText('http://127.0.0.1:' + port),
          await (await fetch('http://127.0.0.1:' + port)).text(), await tcp(port), await tcp({ port, host: '127.0.0.1' })];
        console.log(JSON.stringify({ listening: [address], answers, outside: '' })); process.exit(0);`);
    expect(seen.listening).toEqual([ADDRESS]);
    expect(seen.answers).toEqual(['pod', 'pod', 'pod', ADDRESS, ADDRESS]);
  });

  it('holds in worker threads, and leaves local sockets and other addresses alone', async () => {
    const seen = await inPod(`${HELPERS}
      const worker = new Worker("import { createServer } from 'node:net'; import { parentPort } from 'node:worker_threads'; " +
        "const s = createServer().listen(0, () => { parentPort.postMessage(s.address().address); s.close(); })", { eval: true });
      const inWorker = await new Promise((done) => worker.once('message', done));
      const other = await serve({ port: 0, host: '127.63.0.10' });
      const path = process.platform === 'win32' ? '\\\\\\\\.\\\\pipe\\\\holdfast-' + process.pid : '/tmp/holdfast-' + process.pid + '.sock';
      const socket = await serve(path);
      const answers = [await tcp(path) ?? 'connected', await getText('http://127.63.0.10:' + other.address().port)];
      console.log(JSON.stringify({ listening: [inWorker, other.address().address], answers, outside: socket.address() })); process.exit(0);`);
    expect(seen.listening).toEqual([ADDRESS, '127.63.0.10']);
    expect(seen.answers).toEqual(['connected', 'pod']);
  });

  it('costs a program nothing that takes types out', async () => {
    const seen = await inPod(
      "const answers = process.moduleLoadList.filter((name) => name.includes('amaro'));" +
        "console.log(JSON.stringify({ listening: [], answers, outside: '' }));",
    );
    expect(seen.answers).toEqual([]);
  });

  it('reaches the outside only on the ports that stand for it', async () => {
    const server = createServer((_request, answer) => answer.end('host'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const program = `${HELPERS} console.log(JSON.stringify({ listening: [], answers: [await getText('http://127.0.0.1:${port}')], outside: '' }));`;
    expect((await inPod(program, [port])).answers).toEqual(['host']);
    expect((await inPod(program)).answers).toEqual(['ECONNREFUSED']);
    await new Promise((resolve) => server.close(resolve));
  });

  it('reaches what stands for places in Azure by their public names, from its own address', async () => {
    const server = createServer((request, answer) =>
      answer.end(`${request.headers.host} ${request.socket.remoteAddress}`),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const here = `127.0.0.1:${port}`;
    const places = { '169.254.169.254:80': here, '*.vault.azure.net:80': here };
    const program = `${HELPERS}
      const answers = [await getText('http://169.254.169.254/metadata'), await getText('http://one.vault.azure.net/'),
        await (await fetch('http://TWO.vault.azure.net/')).text(), await tcp(80, '169.254.169.254')];
      console.log(JSON.stringify({ listening: [], answers, outside: '' }));`;
    expect((await inPod(program, [], places)).answers).toEqual([
      `169.254.169.254 ${ADDRESS}`,
      `one.vault.azure.net ${ADDRESS}`,
      `two.vault.azure.net ${ADDRESS}`,
      '127.0.0.1',
    ]);
    await new Promise((resolve) => server.close(resolve));
  });

  it('moves ports that this user may not open, for whoever listens and whoever connects', async () => {
    const port = 700 + (process.pid % 300);
    const program = `${HELPERS}
      const first = await serve(${port}); const listening = [first.address().port]; first.close();
      const second = await serve({ port: ${port}, host: '0.0.0.0' }); listening.push(second.address().port);
      const answers = [await getText('http://localhost:${port}'), await getText('http://${ADDRESS}:${port}'), await tcp(${port})];
      console.log(JSON.stringify({ listening, answers, outside: '' })); process.exit(0);`;
    const seen = await inPod(program, [], {}, 1024);
    expect(seen.listening).toEqual([port + 8000, port + 8000]);
    expect(seen.answers).toEqual(['pod', 'pod', ADDRESS]);
  });

  it('takes no other port, and no name with more parts, for such a place', async () => {
    const places = { '*.vault.azure.net:80': '127.0.0.1:1' };
    const program = `${HELPERS}
      const lookup = (name, options, done) => done(Object.assign(new Error('asked'), { code: 'LOOKED_UP' }));
      const code = (host, port) => tcp({ host, port, lookup });
      console.log(JSON.stringify({ listening: [], answers: [await code('a.vault.azure.net', 81), await code('a.b.vault.azure.net', 80), await code('vault.azure.net', 80)], outside: '' }));`;
    expect((await inPod(program, [], places)).answers).toEqual(['LOOKED_UP', 'LOOKED_UP', 'LOOKED_UP']);
  });
});
