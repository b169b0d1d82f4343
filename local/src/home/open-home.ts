import { generateKeyPair } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

import {
  certificatesToPem,
  createCertificate,
  createSimulatedPlatform,
  generateSimulatedPlatformKeys,
  restoreSimulatedPlatform,
} from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';
import { DependencyError, errorMessage, MalformedError, RequestError, toBase64, toHex } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';
import { z } from 'zod';

import { acceptEnclave } from '../world/accept-enclave.ts';
import { checkCoreBucket } from '../world/check-core-bucket.ts';
import { loadCredentials } from '../world/credentials.ts';
import type { Credentials } from '../world/credentials.ts';
import { seedCoreBucket } from '../world/seed-core-bucket.ts';
import { HOME_NAMES } from './home-layout.ts';
import type { HomeLayout } from './home-layout.ts';

export const DEFAULT_SALTS = 1_048_576;
const MAX_SALTS = 1_048_576;
const RSA_BITS = 2048;
const YEAR_MS = 365 * 86_400_000;
/** The certificate is taken by peers whose clock is behind. */
const BACKDATE_MS = 3_600_000;

const markerSchema = z.object({ version: z.literal(1), createdAt: z.string(), salts: z.int(), enclaveId: z.string() });

export interface OpenHomeOptions {
  /** Undefined: what the existing world has, or 1,048,576 for a new one. */
  readonly salts: number | undefined;
  /** Id of the generated policy. A new world accepts it; an existing one accepts it in place of the one before. */
  readonly enclaveId: string;
  /** Leave an existing world as it is, whatever its policy. */
  readonly keepPolicy?: boolean;
  /** All secrets come from here, except RSA keys. */
  readonly randomBytes: RandomBytes;
  readonly clock: Clock;
  /** Modulus length of the simulated platform's RSA keys; 4096 as on real platforms when missing. */
  readonly platformRsaBits?: number;
}

export interface OpenedHome {
  readonly created: boolean;
  readonly salts: number;
  /** Id of the generated policy that the world accepted before this start. */
  readonly previousEnclaveId: string;
  readonly credentials: Credentials;
  readonly platform: SimulatedPlatform;
  /** Passphrase and salt of attestation tokens, shared by Core and Opt-Out. */
  readonly attestationToken: { readonly key: string; readonly salt: string };
}

/**
 * Makes sure the home folder can be used: it must be new, empty or a home already.
 * @throws DependencyError HOME_UNUSABLE when it cannot be read or made
 * @throws DependencyError HOME_FOREIGN when it holds files that are not ours
 */
export async function prepareHomeFolder(layout: HomeLayout): Promise<void> {
  let names: string[];
  try {
    await mkdir(layout.folder, { recursive: true, mode: 0o700 });
    names = await readdir(layout.folder);
  } catch (cause) {
    throw new DependencyError('HOME_UNUSABLE', `cannot use ${layout.folder} as home folder: ${errorMessage(cause)}`, {
      retryable: false,
      cause,
      details: { folder: layout.folder },
      action: 'Make it a folder this user can read and write, or choose another one with --home.',
    });
  }
  const foreign = names.find(
    (name) => !HOME_NAMES.includes(name) && !name.startsWith('lock.') && !name.endsWith('.tmp'),
  );
  if (foreign === undefined || names.includes('home.json')) return;
  throw new DependencyError('HOME_FOREIGN', `${layout.folder} holds other files (${foreign}) and is no holdfast home`, {
    retryable: false,
    details: { folder: layout.folder },
    action: 'Choose an empty or new folder with --home.',
  });
}

/**
 * Opens the world of a home folder whose lock this process holds, or makes a new one. A new world counts only once its
 * marker file is there, so a start that was interrupted leaves nothing that a later one could mistake for a world.
 * @throws MalformedError WORLD_CORRUPT, CREDENTIALS_UNREADABLE or SIMULATED_PLATFORM_RECORD_INVALID for damaged files
 * @throws VerificationError WORLD_EXPIRED
 * @throws RequestError WORLD_SIZE_DIFFERS when the existing world has another number of salts than asked for
 */
export async function openHome(layout: HomeLayout, options: OpenHomeOptions): Promise<OpenedHome> {
  const salts = options.salts;
  if (salts !== undefined && (!Number.isInteger(salts) || salts < 1 || salts > MAX_SALTS)) {
    throw new RequestError('WORLD_SIZE_INVALID', `${salts} salts were asked for; a world has 1 to ${MAX_SALTS}`, {
      action: `Give --salts a number from 1 to ${MAX_SALTS}.`,
    });
  }
  const marker = await readMarker(layout);
  if (marker === undefined) {
    await createWorld(layout, { ...options, salts: salts ?? DEFAULT_SALTS });
    return { ...(await openWorld(layout, options)), created: true, previousEnclaveId: options.enclaveId };
  }
  const world = { ...(await openWorld(layout, options)), created: false, previousEnclaveId: marker.enclaveId };
  if (marker.enclaveId !== options.enclaveId && options.keepPolicy !== true) {
    await acceptEnclave(layout.coreBucket, options.enclaveId, options.clock());
  }
  return world;
}

/** Remembers the generated policy that the world accepts and the manifest carries. Written after both. */
export async function rememberPolicy(layout: HomeLayout, enclaveId: string): Promise<void> {
  const marker = await readMarker(layout);
  if (marker === undefined || marker.enclaveId === enclaveId) return;
  await writeFileAtomic(layout.marker, `${JSON.stringify({ ...marker, enclaveId }, undefined, 2)}\n`);
}

async function readMarker(layout: HomeLayout): Promise<z.output<typeof markerSchema> | undefined> {
  let text: string;
  try {
    text = await readFile(layout.marker, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw damaged(layout.marker, cause);
  }
  try {
    return markerSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw damaged(layout.marker, cause);
  }
}

async function openWorld(
  layout: HomeLayout,
  options: OpenHomeOptions,
): Promise<Omit<OpenedHome, 'created' | 'previousEnclaveId'>> {
  const { salts } = await checkCoreBucket(layout.coreBucket, options.clock());
  if (options.salts !== undefined && options.salts !== salts) {
    throw new RequestError(
      'WORLD_SIZE_DIFFERS',
      `the world in ${layout.folder} has ${salts} salts, and ${options.salts} were asked for`,
      { action: 'Leave --salts out, delete the home folder, or choose another one with --home.' },
    );
  }
  return {
    salts,
    credentials: await loadCredentials(layout.credentials),
    platform: await restorePlatform(layout, options),
    attestationToken: await readAttestationToken(layout.attestationTokenKey),
  };
}

async function restorePlatform(layout: HomeLayout, options: OpenHomeOptions): Promise<SimulatedPlatform> {
  let record: unknown;
  try {
    record = JSON.parse(await readFile(layout.platformFile, 'utf8'));
  } catch (cause) {
    throw damaged(layout.platformFile, cause);
  }
  return restoreSimulatedPlatform(record, { random: options.randomBytes, now: options.clock });
}

const attestationTokenSchema = z.object({ key: z.string().min(1), salt: z.string().min(1) });

async function readAttestationToken(file: string): Promise<z.output<typeof attestationTokenSchema>> {
  try {
    return attestationTokenSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw damaged(file, cause);
  }
}

function damaged(file: string, cause: unknown): MalformedError {
  const reason = cause instanceof z.ZodError ? 'it does not have the expected members' : errorMessage(cause);
  return new MalformedError('WORLD_CORRUPT', `the file ${file} is unusable: ${reason}`, {
    cause,
    details: { file },
    action: 'Restore the file, or delete the home folder; the next start makes a new world.',
  });
}

async function createWorld(layout: HomeLayout, options: OpenHomeOptions & { readonly salts: number }): Promise<void> {
  const { randomBytes, clock, enclaveId, salts } = options;
  const unfinished = [layout.platformFile, layout.jwtSigningKey, layout.coreBucket].map((path) => dirname(path));
  // A vault of another world would hold that world's operator key.
  for (const path of [
    ...unfinished,
    layout.azureFolder,
    layout.credentials,
    layout.manifest,
    layout.deploymentConfig,
  ]) {
    await rm(path, { recursive: true, force: true });
  }
  // RSA keys are made on the thread pool while this thread writes the salts.
  const keys = Promise.all([createPlatform(layout, options), createSigningKeys(layout, options)]);
  const seed = seedCoreBucket({ bucket: layout.coreBucket, salts, enclaveId, now: clock(), randomBytes });
  const [, credentials] = await Promise.all([keys, seed]);
  for (const folder of [layout.optoutBucket, layout.optoutQueue]) await mkdir(folder, { recursive: true });
  await writePrivate(layout.coreLinkKey, toHex(randomBytes(32)));
  await writePrivate(layout.optoutLinkKey, toHex(randomBytes(32)));
  const token = { key: toBase64(randomBytes(32)), salt: toBase64(randomBytes(16)) };
  await writePrivate(layout.attestationTokenKey, `${JSON.stringify(token)}\n`);
  await writePrivate(layout.virtualNodeSettings, `${JSON.stringify({ guest: { debug: false } }, undefined, 2)}\n`);
  await writePrivate(layout.credentials, `${JSON.stringify(credentials, undefined, 2)}\n`);
  const marker = { version: 1, createdAt: new Date(clock()).toISOString(), salts, enclaveId };
  await writeFileAtomic(layout.marker, `${JSON.stringify(marker, undefined, 2)}\n`);
}

async function createPlatform(layout: HomeLayout, options: OpenHomeOptions): Promise<void> {
  const keys = await generateSimulatedPlatformKeys(
    options.platformRsaBits === undefined ? {} : { rsaModulusLength: options.platformRsaBits },
  );
  const platform = createSimulatedPlatform({ random: options.randomBytes, now: options.clock, keys });
  await writePrivate(layout.platformFile, `${JSON.stringify(platform.toRecord(), undefined, 2)}\n`);
  await writePrivate(layout.platformRootFile, platform.rootPem);
  await writePrivate(layout.platformEndorserRootFile, platform.endorserRootPem);
}

const generateKeys = promisify(generateKeyPair);

/** Core's JWT key, and the attestation service's token key with a self-signed certificate. */
async function createSigningKeys(layout: HomeLayout, options: OpenHomeOptions): Promise<void> {
  const [jwt, attestation] = await Promise.all([
    generateKeys('rsa', { modulusLength: RSA_BITS }),
    generateKeys('rsa', { modulusLength: RSA_BITS }),
  ]);
  await writePrivate(layout.jwtSigningKey, jwt.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  await writePrivate(layout.jwtPublicKey, jwt.publicKey.export({ format: 'pem', type: 'spki' }));
  await writePrivate(layout.attestationSigningKey, attestation.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const name = [{ type: 'CN', value: 'Holdfast local attestation signing' }];
  const now = options.clock();
  const certificate = createCertificate({
    subject: name,
    issuer: name,
    publicKey: attestation.publicKey,
    signingKey: attestation.privateKey,
    serial: options.randomBytes(16),
    notBefore: now - BACKDATE_MS,
    notAfter: now + 10 * YEAR_MS,
    signatureAlgorithm: 'rsa-sha256',
  });
  await writePrivate(layout.attestationSigningCertificate, certificatesToPem([certificate]));
}

async function writePrivate(file: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, content, { mode: 0o600 });
}
