import { DependencyError } from '@holdfast/base';
import type { Descriptor, ImageReference } from '@holdfast/policy';

import { sha256Digest } from '../digest.ts';
import type { SourceImage } from '../image-source.ts';
import { mapParallel } from '../parallel.ts';
import type { RegistryClient } from './registry-client.ts';
import { retrying } from './retry.ts';

/** Slowest upload that is waited for. */
const UPLOAD_GRACE_MS = 60_000;
const MIN_UPLOAD_BYTES_PER_SECOND = 16 * 1024;
const PARALLEL_UPLOADS = 3;

/**
 * Puts an image into a registry: the blobs it does not have yet, then the manifest under the reference's tag, or under its own
 * digest when the reference has none. Answers the digest of the manifest.
 * @throws RequestError REGISTRY_UNAUTHORIZED, REGISTRY_FORBIDDEN, REGISTRY_REFUSED
 * @throws DependencyError REGISTRY_UNREACHABLE, REGISTRY_TIMEOUT, REGISTRY_UNAVAILABLE, REGISTRY_ANSWER_INVALID
 * @throws VerificationError IMAGE_DIGEST_MISMATCH when the source is not what its descriptors say
 */
export async function pushImage(
  client: RegistryClient,
  reference: ImageReference,
  image: SourceImage,
): Promise<string> {
  const layers = [...new Map(image.layers.map((layer) => [layer.digest, layer])).values()];
  await mapParallel(layers, PARALLEL_UPLOADS, (layer) =>
    pushBlob(client, reference, layer, () => image.openLayer(layer)),
  );
  await pushBlob(client, reference, image.manifest.config, () => once(image.configBytes));
  return pushManifest(client, reference, image.manifestBytes, image.manifest.mediaType);
}

/** Uploads a blob unless the repository has it. `open` is called once per try. */
export async function pushBlob(
  client: RegistryClient,
  reference: ImageReference,
  blob: Descriptor,
  open: () => AsyncIterable<Uint8Array>,
): Promise<void> {
  const what = `blob ${blob.digest} for ${reference.host}/${reference.repository}`;
  await retrying(client.retry, async () => {
    const present = await client.send(reference, { method: 'HEAD', target: `blobs/${blob.digest}`, push: true });
    await present.discard();
    if (present.status === 200) return;
    const started = await client.send(reference, { method: 'POST', target: 'blobs/uploads/', push: true });
    const location = started.headers['location'];
    if (started.status !== 202) throw await client.refusal(started, what);
    await started.discard();
    if (location === undefined) {
      throw new DependencyError(
        'REGISTRY_ANSWER_INVALID',
        `${what}: ${started.url.host} does not say where to upload`,
        {
          retryable: false,
        },
      );
    }
    const target = client.resolveLocation(started, location);
    target.searchParams.set('digest', blob.digest);
    const answer = await client.send(reference, {
      method: 'PUT',
      target,
      push: true,
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(blob.size) },
      body: () => withheld(open()),
      timeoutMs: UPLOAD_GRACE_MS + (blob.size / MIN_UPLOAD_BYTES_PER_SECOND) * 1000,
    });
    if (answer.status !== 201) throw await client.refusal(answer, what);
    await answer.discard();
  });
}

/** Puts a manifest under the reference's tag or its own digest, once all that it names is there. Answers its digest. */
export async function pushManifest(
  client: RegistryClient,
  reference: ImageReference,
  bytes: Uint8Array,
  mediaType: string,
): Promise<string> {
  const digest = sha256Digest(bytes);
  await retrying(client.retry, async () => {
    const answer = await client.send(reference, {
      method: 'PUT',
      target: `manifests/${reference.tag ?? digest}`,
      push: true,
      headers: { 'content-type': mediaType },
      body: bytes,
    });
    if (answer.status !== 201) throw await client.refusal(answer, `the manifest ${digest} of ${reference.text}`);
    await answer.discard();
  });
  return digest;
}

/**
 * The same chunks, each given away once the next has come: whether content is what its digest says is known at its end, and
 * until then the registry must not have all of it. Otherwise the registry's refusal would race with ours.
 */
async function* withheld(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array | undefined;
  for await (const chunk of chunks) {
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (held !== undefined) yield held;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield bytes;
}
