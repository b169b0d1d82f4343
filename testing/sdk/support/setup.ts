import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

import { HoldfastProcess } from '../../src/index.ts';
import { installSdks } from './install.ts';
import type { SdkInstallations } from './install.ts';
import { startPublicOperator } from './public-operator.ts';
import { makeWorld, optOutSomebody } from './world.ts';
import type { SdkWorld } from './world.ts';

declare module 'vitest' {
  interface ProvidedContext {
    sdks: SdkInstallations;
    world: SdkWorld;
  }
}

/** Installs the SDKs, starts one local cloud and beside it two public operators, for all test files. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const sdks = await installSdks(say);
  for (const sdk of Object.values(sdks)) {
    if ('missing' in sdk) say(`skipped, not on this machine: ${sdk.missing}`);
  }
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sdk-'));
  const started: { stop(): Promise<unknown> }[] = [];
  const teardown = async (): Promise<void> => {
    for (const process of started.toReversed()) await process.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    say('starting a local cloud');
    const seeded = await makeWorld(folder);
    const up = new HoldfastProcess({ home: seeded.home, portBase: seeded.portBase });
    started.push(up);
    const ready = await up.ready();
    const options = { folder, seeded, ready };
    const euid = await startPublicOperator({
      ...options,
      name: 'euid-operator',
      port: seeded.portBase + 11,
      settings: { identity_scope: 'euid' },
    });
    started.push(euid);
    const browsers = await startPublicOperator({
      ...options,
      name: 'client-side-operator',
      port: seeded.portBase + 13,
      settings: { client_side_token_generate: true },
    });
    started.push(browsers);
    const clients = seeded.clientsAt(ready.operator.url);
    project.provide('sdks', sdks);
    project.provide('world', {
      clients,
      euidClient: { ...clients.demo, url: euid.url },
      publicBidder: { ...clients.bidder, url: browsers.url },
      demoSiteId: ready.client.siteId,
      keypair: seeded.keypair,
      optedOut: await optOutSomebody(clients.demo, [browsers.url]),
    });
  } catch (error) {
    await teardown();
    throw error;
  }
  return teardown;
}
