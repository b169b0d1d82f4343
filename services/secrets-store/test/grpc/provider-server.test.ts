import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { credentials, makeClientConstructor } from '@grpc/grpc-js';
import type { Client, Server, ServiceError } from '@grpc/grpc-js';
import { RequestError } from '@holdfast/base';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  decodeMountRequest,
  decodeMountResponse,
  encodeMountRequest,
  encodeMountResponse,
} from '../../src/grpc/messages.ts';
import type { MountRequestMessage } from '../../src/grpc/messages.ts';
import { buildProviderServer, listenProvider, providerService } from '../../src/grpc/provider-server.ts';
import type { MountProvider } from '../../src/driver/volume-driver.ts';

const REQUEST: MountRequestMessage = {
  attributes: '{"keyvaultName":"kv"}',
  secrets: 'null',
  targetPath: '/target',
  permission: '420',
};

describe('the provider socket', () => {
  let folder: string;
  let server: Server;
  let client: Client;
  let mount: MountProvider;
  const refusals: unknown[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hf-'));
    mount = async () => Promise.resolve({ files: [], objectVersions: [] });
    const events = { answered: () => undefined, refused: (_: string, error: unknown) => void refusals.push(error) };
    server = buildProviderServer({
      mount: async (request) => mount(request),
      version: '1.2.3',
      mountTimeoutMs: 1000,
      events,
    });
    const socket = join(folder, 'azure.sock');
    await listenProvider(server, socket);
    client = new (makeClientConstructor(providerService, 'CSIDriverProvider'))(
      `unix:${socket}`,
      credentials.createInsecure(),
    );
  });
  afterEach(async () => {
    client.close();
    server.forceShutdown();
    await rm(folder, { recursive: true, force: true });
  });

  const call = async (method: 'Mount' | 'Version', request: unknown) =>
    new Promise<unknown>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = providerService[method];
      const serialize = requestSerialize as (value: unknown) => Buffer;
      client.makeUnaryRequest(
        path,
        serialize,
        responseDeserialize,
        request,
        (error: ServiceError | null, answer: unknown) => (error === null ? resolve(answer) : reject(error)),
      );
    });

  it('says its version, and is open to its own user alone', async () => {
    await expect(call('Version', 'v1alpha1')).resolves.toEqual({
      version: 'v1alpha1',
      runtimeName: 'secrets-store-csi-driver-provider-azure',
      runtimeVersion: '1.2.3',
    });
    expect((await stat(join(folder, 'azure.sock'))).mode & 0o777).toBe(0o600);
  });

  it('answers files and versions of a mount', async () => {
    const files = [{ path: 'a/b', mode: 0o600, contents: Buffer.from([0, 255]) }];
    mount = async ({ attributes, secrets, permission }) => {
      expect({ attributes, secrets, permission }).toEqual({
        attributes: { keyvaultName: 'kv' },
        secrets: undefined,
        permission: 420,
      });
      return Promise.resolve({ files, objectVersions: [{ id: 'secret/a', version: 'v1' }] });
    };
    await expect(call('Mount', REQUEST)).resolves.toEqual({
      files,
      objectVersions: [{ id: 'secret/a', version: 'v1' }],
      errorCode: '',
    });
  });

  it('reports failures with the text of the provider around them', async () => {
    mount = async () => Promise.reject(new RequestError('MOUNT_PARAMETERS_INVALID', 'keyvaultName is not provided'));
    await expect(call('Mount', REQUEST)).rejects.toMatchObject({
      details: 'failed to mount objects, error: keyvaultName is not provided',
    });
  });

  it.each([
    ['attributes', { attributes: '{' }, 'failed to unmarshal attributes, error: not JSON'],
    ['attributes that are no texts', { attributes: '{"a":1}' }, 'failed to unmarshal attributes, error: not of'],
    ['secrets', { secrets: '' }, 'failed to unmarshal secrets, error: unexpected end of JSON input'],
    ['the permission', { permission: '"x"' }, 'failed to unmarshal file permission, error: not of'],
  ])('refuses %s it cannot read', async (_, change, text) => {
    await expect(call('Mount', { ...REQUEST, ...change })).rejects.toMatchObject({
      details: expect.stringContaining(text) as string,
    });
  });

  it('names the limit of the driver when the files are too large for one message', async () => {
    const contents = new Uint8Array(4 * 1024 * 1024);
    mount = async () => Promise.resolve({ files: [{ path: 'a', mode: 420, contents }], objectVersions: [] });
    await expect(call('Mount', REQUEST)).rejects.toMatchObject({
      details: expect.stringContaining('more than the 4194304 that the driver takes') as string,
    });
  });

  it('replaces a socket that a dead process left behind, and no other file', async () => {
    const other = buildProviderServer({
      mount,
      version: '0',
      mountTimeoutMs: 1,
      events: { answered: () => undefined, refused: () => undefined },
    });
    await listenProvider(other, join(folder, 'azure.sock'));
    await expect(listenProvider(other, join(folder, 'missing', 'azure.sock'))).rejects.toMatchObject({
      code: 'PROVIDER_LISTEN_FAILED',
    });
    other.forceShutdown();
  });
});

describe('messages of the provider protocol', () => {
  it('round trip, and never fail with anything but our error', () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 });
    const files = fc.array(
      fc.record({
        path: text,
        mode: fc.nat({ max: 0o7777 }),
        contents: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      }),
    );
    fc.assert(
      fc.property(files, fc.array(fc.record({ id: text, version: text })), text, (all, objectVersions, errorCode) => {
        const message = { files: all, objectVersions, errorCode };
        expect(decodeMountResponse(encodeMountResponse(message))).toEqual(message);
        expect(decodeMountRequest(encodeMountRequest(REQUEST))).toEqual(REQUEST);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeMountResponse(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'PROVIDER_MESSAGE_MALFORMED' });
        }
      }),
    );
  });
});
