import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import {
  clientSideAdditionalData,
  decodeClientSideResponse,
  encryptGcm,
  generateClientSideKeys,
  importClientSidePrivateKey,
  sealClientSideRequest,
} from '@holdfast/uid2';
import type { ClientSideKeypair, JsonObject, SealedClientSideRequest, SiteRecord } from '@holdfast/uid2';
import type { LightMyRequestResponse } from 'fastify';

import type { ClientSideSettings, OperatorSettings } from '../src/context.ts';
import { SITE, World } from './world.ts';

export const CLIENT_GENERATE = '/v2/token/client-generate';
export const SUBSCRIPTION = '4WvryDGbR5';
export const ORIGIN = 'https://www.example.com';

const publisherKeys = generateClientSideKeys('uid2', 'L', randomBytes);
export const clientKeys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

export const keypair: ClientSideKeypair = {
  subscriptionId: SUBSCRIPTION,
  publicKey: publisherKeys.publicKey,
  privateKey: importClientSidePrivateKey(publisherKeys.privateKey),
  siteId: SITE,
  contact: 'someone',
  created: 0,
  disabled: false,
  name: '',
};

export function site(id: number, overrides: Partial<SiteRecord> = {}): SiteRecord {
  return {
    id,
    name: `site ${id}`,
    enabled: true,
    domainNames: ['example.com'],
    appNames: ['com.Example.App'],
    clientTypes: [],
    visible: true,
    created: 0,
    ...overrides,
  };
}

/** The two keys as a seed file holds them. */
export const keypairTexts = { public_key: publisherKeys.publicKey, private_key: publisherKeys.privateKey };

/** A world that serves one publisher's pages and apps. */
export function clientSideWorld(
  clientSide: Partial<ClientSideSettings> = {},
  settings: Partial<OperatorSettings> = {},
): World {
  const world = new World({
    ...settings,
    clientSide: { domainCheck: true, logInvalidOrigins: false, shareAppNames: false, ...clientSide },
  });
  world.sites = [site(SITE)];
  world.keypairs = [keypair];
  return world;
}

export interface ClientSideAsk {
  readonly origin?: string | undefined;
  readonly appName?: string;
  /** Members of the outer body to change; undefined removes one. */
  readonly change?: Readonly<Record<string, unknown>>;
}

export interface ClientSideReply {
  readonly raw: LightMyRequestResponse;
  /** The decrypted JSON of a 200. */
  readonly json: JsonObject | undefined;
}

/** A request body from the publisher's page, with the JSON text `inner` inside, and the key of its reply. */
export function sealAsClient(nowMs: number, inner: object | string, appName?: string): SealedClientSideRequest {
  return sealClientSideRequest(
    {
      serverPublicKey: publisherKeys.publicKey,
      subscriptionId: SUBSCRIPTION,
      clientKeys,
      nowMs,
      json: typeof inner === 'string' ? inner : JSON.stringify(inner),
      ...(appName === undefined ? {} : { appName }),
    },
    randomBytes,
  );
}

/** Asks as a browser does, from the publisher's own page unless told otherwise. */
export async function askAsClient(
  world: World,
  inner: object | string,
  ask: ClientSideAsk = {},
): Promise<ClientSideReply> {
  const { body, key } = sealAsClient(world.nowMs, inner, ask.appName);
  const sent = { ...(JSON.parse(body) as object), ...ask.change };
  const origin = 'origin' in ask ? ask.origin : ORIGIN;
  const raw = await postAsClient(world, JSON.stringify(sent), origin === undefined ? {} : { origin });
  return { raw, json: raw.statusCode === 200 ? decodeClientSideResponse(raw.body, key) : undefined };
}

/** Sends a body as it is, without an API key. */
export async function postAsClient(
  world: World,
  body: string | undefined,
  headers: Readonly<Record<string, string>> = { origin: ORIGIN },
): Promise<LightMyRequestResponse> {
  return world.post(CLIENT_GENERATE, body, { client: null, headers });
}

/** A payload sealed for any timestamp text, as the reference authenticates it. */
export function sealFor(
  key: KeyObject,
  timestamp: bigint,
  inner: string,
): { readonly payload: string; readonly iv: string } {
  const sealed = encryptGcm(key, Buffer.from(inner), randomBytes, clientSideAdditionalData(timestamp, undefined));
  return {
    iv: Buffer.from(sealed.subarray(0, 12)).toString('base64'),
    payload: Buffer.from(sealed.subarray(12)).toString('base64'),
  };
}
