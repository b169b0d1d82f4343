import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

import { afterEach, describe, expect, it } from 'vitest';

import { createRedirector } from '../../src/index.ts';
import type { RedirectCommand, RedirectTool } from '../../src/index.ts';
import { isComplete } from '../../src/redirect/rules.ts';

const redirection = {
  metadataAddress: '169.254.169.254',
  metadataPort: 80,
  listenAddress: '127.0.0.1',
  listenPort: 2579,
};

describe('the redirector', () => {
  /** Programs that are only written down; the rules are there between the first and the last. */
  function recorded(tool: RedirectTool, listing: () => string) {
    const ran: RedirectCommand[] = [];
    const run = async (command: RedirectCommand): Promise<string> => {
      ran.push(command);
      await Promise.resolve();
      if (command.mayFail === true) throw new Error('it is not there');
      return listing();
    };
    return { ran, redirector: createRedirector({ tool, redirection, run, prefix: ['x'] }) };
  }

  it.each(['nftables', 'iptables'] as const)('repairs %s only when somebody changed them', async (tool) => {
    const good =
      tool === 'nftables'
        ? 'ip daddr 169.254.169.254 tcp dport 80 dnat to 127.0.0.1:2579\njump aad-metadata\ndrop\n'
        : '-N aad-metadata\n-A aad-metadata ! -s 127.0.0.1/32 -d 169.254.169.254/32 -j DNAT --to-destination 127.0.0.1:2579\n-A aad-metadata -j RETURN\n';
    const fine = recorded(tool, () => good);
    expect(await fine.redirector.repair()).toBe(false);
    expect(fine.ran).toHaveLength(1);
    const changed = recorded(tool, () => good.replace('2579', '1'));
    expect(await changed.redirector.repair()).toBe(true);
    expect(changed.ran.length).toBeGreaterThan(1);
    expect(isComplete(tool, `${good}${good}`, redirection)).toBe(false);
  });
});

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Root that may make network namespaces. */
function mayMakeNamespaces(): boolean {
  const name = `hf-probe-${process.pid}`;
  try {
    execFileSync('ip', ['netns', 'add', name], { stdio: 'ignore' });
    execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const isAble = process.platform === 'linux' && has('ip') && mayMakeNamespaces();

describe.each([
  ['nftables', 'nft'],
  ['iptables', 'iptables'],
] as const)('redirection with %s in network namespaces', (tool, program) => {
  const undo: (() => void)[] = [];
  afterEach(() => {
    for (const step of undo.splice(0).reverse()) step();
  });
  const ip = (...words: string[]): void => {
    execFileSync('ip', words, { stdio: 'ignore' });
  };

  /** A node with one pod behind a cable, and a server on the node's loopback address that says who asks. */
  async function nodeWithPod(): Promise<{ readonly node: string; readonly ask: (from: string) => Promise<string> }> {
    const [node, pod] = [`hf-node-${process.pid}`, `hf-pod-${process.pid}`];
    for (const name of [node, pod]) {
      ip('netns', 'add', name);
      undo.push(() => ip('netns', 'del', name));
    }
    ip('link', 'add', `hfn${process.pid}`, 'netns', node, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pod);
    const [inNode, inPod] = [
      ['-n', node],
      ['-n', pod],
    ] as const;
    ip(...inNode, 'addr', 'add', '10.88.0.1/24', 'dev', `hfn${process.pid}`);
    ip(...inPod, 'addr', 'add', '10.88.0.2/24', 'dev', 'eth0');
    ip(...inNode, 'link', 'set', 'lo', 'up');
    ip(...inNode, 'link', 'set', `hfn${process.pid}`, 'up');
    ip(...inPod, 'link', 'set', 'eth0', 'up');
    ip(...inPod, 'route', 'add', 'default', 'via', '10.88.0.1');
    const script = `require('http').createServer((q, s) => s.end('from ' + q.socket.remoteAddress)).listen(2579, '127.0.0.1', () => console.log('ready'))`;
    const server = spawn('ip', ['netns', 'exec', node, process.execPath, '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    undo.push(() => server.kill());
    await once(server.stdout, 'data');
    const ask = async (from: string): Promise<string> => {
      const client = `require('http').get({ host: '169.254.169.254', timeout: 1000 }, (r) => r.pipe(process.stdout)).on('timeout', function () { this.destroy(new Error('timeout')) }).on('error', () => process.stdout.write('nobody'))`;
      const asking = spawn('ip', ['netns', 'exec', from === 'pod' ? pod : node, process.execPath, '-e', client]);
      let text = '';
      asking.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      await once(asking, 'close');
      return text;
    };
    return { node, ask };
  }

  it.skipIf(!isAble || !has(program))(
    'brings pods to the server with their own address, leaves the node alone, and can be taken back',
    async () => {
      const { node, ask } = await nodeWithPod();
      const redirector = createRedirector({ tool, redirection, prefix: ['ip', 'netns', 'exec', node] });
      expect(await ask('pod')).toBe('nobody');
      await redirector.apply();
      await redirector.apply();
      expect(await ask('pod')).toBe('from 10.88.0.2');
      expect(await ask('node')).toBe('nobody');
      expect(await redirector.repair()).toBe(false);
      await redirector.remove();
      expect(await ask('pod')).toBe('nobody');
      await redirector.remove();
      expect(await redirector.repair()).toBe(true);
      expect(await ask('pod')).toBe('from 10.88.0.2');
    },
    60_000,
  );
});
