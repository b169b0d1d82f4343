import { amdRoots, parseCertificates, productionUvmTrust, simulatedRoot, SnpChainCache } from '@holdfast/attestation';
import type { Certificate, SnpRevocation, SnpTrustedRoot, UvmTrustEntry } from '@holdfast/attestation';
import { ConfigError, errorMessage, fromUtf8 } from '@holdfast/base';

import type { AttestationConfig, UvmEndorserConfig } from './config.ts';
import { openRevocationLists } from './revocation-lists.ts';
import type { RevocationLists } from './revocation-lists.ts';

/** What this instance believes: roots of evidence, and endorsers of utility VMs. */
export interface Trust {
  readonly roots: readonly SnpTrustedRoot[];
  readonly complianceTable: readonly UvmTrustEntry[];
  /** ASK and ASVK certificates for bundles that leave them out. */
  readonly intermediates: readonly Certificate[];
  /** Providers whose VLEK may sign evidence. */
  readonly allowedCspIds: readonly string[];
  /** Asked per request: the lists are read again from time to time. */
  readonly revocation: () => SnpRevocation;
  /** Remembers verified bundles; nothing is remembered when missing. */
  readonly chainCache: SnpChainCache | undefined;
}

/** Trust, and the revocation lists behind it. */
export interface LoadedTrust extends Trust {
  readonly revocationLists: RevocationLists;
}

/**
 * The trust that the configuration states.
 * @throws ConfigError TEST_ROOT_IN_PROD, TRUSTED_ROOT_UNKNOWN, SIMULATED_ROOT_INVALID, TRUSTED_INTERMEDIATE_INVALID, REVOCATION_LIST_INVALID,
 *   REVOCATION_LISTS_MISSING, and what `readFile` throws
 */
export async function loadTrust(
  config: AttestationConfig,
  readFile: (file: string) => Promise<Uint8Array>,
): Promise<LoadedTrust> {
  const readText = async (file: string): Promise<string> => fromUtf8(await readFile(file));
  refuseTestRootInProd(config);
  const roots =
    config.trusted_root_files === undefined
      ? [...amdRoots]
      : await Promise.all(config.trusted_root_files.map(async (file) => amdRoot(file, await readText(file))));
  const complianceTable = config.uvm_endorsers?.map((entry) => trustEntry(entry)) ?? [...productionUvmTrust];
  if (config.simulated_root_file !== undefined) {
    roots.push(testRoot(config.simulated_root_file, await readText(config.simulated_root_file)));
  }
  for (const endorser of config.simulated_uvm_endorsers ?? []) {
    // The simulated signer has an elliptic curve key; Microsoft's are RSA, and production entries accept nothing else.
    complianceTable.push({ ...trustEntry(endorser), algorithms: ['ES384', 'PS384'] });
  }
  const { revocation: mode, revocation_list_files: listFiles } = config;
  if (mode === 'hard' && listFiles.length === 0) {
    throw new ConfigError('REVOCATION_LISTS_MISSING', ['revocation_list_files: empty, while revocation is hard'], {
      action: 'Name the lists, or choose revocation soft or off: without a list no evidence would be accepted.',
    });
  }
  const revocationLists = await openRevocationLists(mode === 'off' ? [] : listFiles, readFile);
  const intermediates = await Promise.all(
    config.intermediate_files.map(async (file) => readIntermediates(file, await readFile(file))),
  );
  return {
    roots,
    complianceTable,
    intermediates: intermediates.flat(),
    allowedCspIds: config.allowed_csp_ids,
    revocation: () => ({ mode, lists: revocationLists.current }),
    chainCache:
      config.chain_cache_entries === 0 ? undefined : new SnpChainCache({ maxEntries: config.chain_cache_entries }),
    revocationLists,
  };
}

function refuseTestRootInProd(config: AttestationConfig): void {
  if (config.environment !== 'prod') return;
  const problems = (['simulated_root_file', 'simulated_uvm_endorsers'] as const)
    .filter((key) => config[key] !== undefined)
    .map((key) => `${key}: environment prod never trusts a simulated platform`);
  if (problems.length === 0) return;
  throw new ConfigError('TEST_ROOT_IN_PROD', problems, {
    action: 'Remove simulated_root_file and simulated_uvm_endorsers, or run in another environment.',
  });
}

function trustEntry(entry: UvmEndorserConfig): UvmTrustEntry {
  return {
    issuer: entry.issuer,
    feed: entry.feed,
    minimumSvn: entry.minimum_svn,
    ...(entry.status === undefined ? {} : { complianceStatus: entry.status }),
  };
}

/** They count only under a trusted root, so any certificate may stand here. */
function readIntermediates(file: string, bytes: Uint8Array): readonly Certificate[] {
  try {
    return parseCertificates(bytes);
  } catch (cause) {
    throw new ConfigError('TRUSTED_INTERMEDIATE_INVALID', [`intermediate_files: ${file}: ${errorMessage(cause)}`], {
      cause,
      action: 'Store what AMD answers at /vcek/v1/{product}/cert_chain.',
    });
  }
}

function testRoot(file: string, pem: string): SnpTrustedRoot {
  try {
    return simulatedRoot(pem);
  } catch (cause) {
    throw new ConfigError('SIMULATED_ROOT_INVALID', [`simulated_root_file ${file}: ${errorMessage(cause)}`], {
      cause,
      action: 'Point it at the root that the simulated platform wrote.',
    });
  }
}

/** Only keys of AMD: any other root would be trusted without the mark that results under a simulated root carry. */
function amdRoot(file: string, pem: string): SnpTrustedRoot {
  let candidate: SnpTrustedRoot | undefined;
  let cause: unknown;
  try {
    const [certificate, ...others] = parseCertificates(pem);
    candidate = certificate === undefined || others.length > 0 ? undefined : simulatedRoot(certificate.der);
  } catch (error) {
    cause = error;
  }
  const known = amdRoots.find((root) => root.spkiSha256 === candidate?.spkiSha256);
  if (known !== undefined && candidate?.certificate !== undefined) {
    return { ...known, certificate: candidate.certificate };
  }
  throw new ConfigError('TRUSTED_ROOT_UNKNOWN', [`trusted_root_files: ${file} does not hold one root key of AMD`], {
    cause,
    action:
      'Name files with the ARK certificates that AMD publishes; a simulated root belongs into simulated_root_file.',
  });
}
