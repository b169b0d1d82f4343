import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';

import { loadCredentials } from '@holdfast/local';

import { editStore, freePortBase, runHoldfast, waitFor } from '../../src/index.ts';
import { bodyByHand, callByHand } from './envelope.ts';
import type { SdkClient } from './sdk-program.ts';

/** The participants whom the tests speak for. */
export interface SdkClients {
  /** Site 3, every role. */
  readonly demo: SdkClient;
  /** Site 4, ID_READER. */
  readonly bidder: SdkClient;
  /** Site 5, MAPPER only. */
  readonly mapper: SdkClient;
  /** Site 6, SHARER and MAPPER. The keyset of its site allows nobody else. */
  readonly sharer: SdkClient;
}

/** A publisher's subscription to client-side token generation, as the publisher knows it. */
export interface Keypair {
  readonly subscriptionId: string;
  /** `UID2-X-I-` and Base64 of a SubjectPublicKeyInfo. */
  readonly publicKey: string;
  readonly origin: string;
  readonly appName: string;
}

/** Somebody who had a token and then opted out, by the logout endpoint. */
export interface OptedOutPerson {
  readonly email: string;
  /** The token's identity as the operator answered it, JSON. */
  readonly identity: string;
  readonly rawUid: string;
  /** Before the logout. */
  readonly sinceMs: number;
}

/** What the tests are told about the cloud that runs for them. */
export interface SdkWorld {
  readonly clients: SdkClients;
  /** The demonstration client at an operator in EUID scope. */
  readonly euidClient: SdkClient;
  /** The bidder at a public operator that lets browsers and apps generate tokens. */
  readonly publicBidder: SdkClient;
  readonly demoSiteId: number;
  readonly keypair: Keypair;
  readonly optedOut: OptedOutPerson;
}

export interface SeededWorld {
  readonly home: string;
  /** The first of fifteen free ports: eleven for `holdfast up`, two for each public operator. */
  readonly portBase: number;
  readonly publicOperatorKey: string;
  readonly keypair: Keypair;
  clientsAt(url: string): SdkClients;
}

const PUBLISHER_SITE_ID = 3;
const SHARER_SITE_ID = 6;
const OPT_OUT_DEADLINE_MS = 60_000;
const CONNECTIONS = 12;

/** Seeds a small world and edits it: one subscription, its site's domain names, and one keyset that allows nobody. */
export async function makeWorld(folder: string): Promise<SeededWorld> {
  const home = join(folder, 'home');
  const portBase = await freePortBase(15);
  const first = await runHoldfast([
    'up',
    '--check',
    '--home',
    home,
    '--port-base',
    String(portBase),
    '--salts',
    '2000',
  ]);
  if (first.code !== 0) throw new Error(`the first start failed with ${first.code}:\n${first.stderr}`);
  const credentials = await loadCredentials(join(home, 'credentials.json'));
  const keypair = seedKeypair(home);
  editStore<{ site_id: number; allowed_sites: number[] }>(home, 'keysets', (keysets) =>
    keysets.map((keyset) => (keyset.site_id === SHARER_SITE_ID ? { ...keyset, allowed_sites: [] } : keyset)),
  );
  return {
    home,
    portBase,
    publicOperatorKey: credentials.publicOperatorKey,
    keypair,
    clientsAt(url) {
      const named = (name: string): SdkClient => {
        const found = [credentials.client, ...credentials.clients].find((client) => client.name === name);
        if (found === undefined) throw new Error(`the local world has no client ${name}`);
        return { url, apiKey: found.apiKey, secret: found.secret };
      };
      return {
        demo: named(credentials.client.name),
        bidder: named('Limpet bidder'),
        mapper: named('Anemone mapper'),
        sharer: named('Plankton sharer'),
      };
    },
  };
}

function seedKeypair(home: string): Keypair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const keypair: Keypair = {
    subscriptionId: 'sdkTests01',
    publicKey: `UID2-X-I-${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`,
    origin: 'https://shop.example.com:8443',
    appName: 'com.example.shop',
  };
  editStore<object>(home, 'client_side_keypairs', (keypairs) => [
    ...keypairs,
    {
      subscription_id: keypair.subscriptionId,
      public_key: keypair.publicKey,
      private_key: `UID2-Y-I-${privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64')}`,
      site_id: PUBLISHER_SITE_ID,
      contact: '',
      created: Math.floor(Date.now() / 1000),
      disabled: false,
      name: 'SDK contract tests',
    },
  ]);
  editStore<{ id: number; domain_names: string[]; app_names: string[] }>(home, 'sites', (sites) =>
    sites.map((site) =>
      site.id === PUBLISHER_SITE_ID
        ? {
            ...site,
            domain_names: [...site.domain_names, 'example.com'],
            app_names: [...site.app_names, keypair.appName],
          }
        : site,
    ),
  );
  return keypair;
}

/** Gives somebody a token, opts them out, and waits until every serving thread of that operator and of others knows. */
export async function optOutSomebody(client: SdkClient, others: readonly string[]): Promise<OptedOutPerson> {
  const email = 'leaving@example.com';
  const sinceMs = Date.now();
  const identity = await bodyByHand<object>(client, '/v2/token/generate', { email });
  const map = await bodyByHand<{ email: { u: string }[] }>(client, '/v3/identity/map', { email: [email] });
  await bodyByHand(client, '/v2/token/logout', { email });
  for (const url of [client.url, ...others]) {
    const isOut = async (): Promise<boolean> =>
      (await callByHand({ ...client, url }, '/v2/token/generate', { email })).answer.status === 'optout';
    await waitFor(
      // The kernel spreads connections among the threads.
      async () => (await Promise.all(Array.from({ length: CONNECTIONS }, isOut))).every(Boolean),
      OPT_OUT_DEADLINE_MS,
      () => `the operator at ${url} still issues tokens for somebody who opted out`,
    );
  }
  return { email, identity: JSON.stringify(identity), rawUid: map.email[0]?.u ?? '', sinceMs };
}
