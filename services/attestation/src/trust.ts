import { amdRoots, parseCertificates, productionUvmTrust, simulatedRoot } from '@holdfast/attestation';
import type { SnpTrustedRoot, UvmTrustEntry } from '@holdfast/attestation';
import { ConfigError, errorMessage } from '@holdfast/base';

import type { AttestationConfig, UvmEndorserConfig } from './config.ts';

/** What this instance believes: roots of evidence, and endorsers of utility VMs. */
export interface Trust {
  readonly roots: readonly SnpTrustedRoot[];
  readonly complianceTable: readonly UvmTrustEntry[];
}

/**
 * The trust that the configuration states. `readFile` yields the text of a file.
 * @throws ConfigError TEST_ROOT_IN_PROD, TRUSTED_ROOT_UNKNOWN, SIMULATED_ROOT_INVALID
 */
export async function loadTrust(
  config: AttestationConfig,
  readFile: (file: string) => Promise<string>,
): Promise<Trust> {
  refuseTestRootInProd(config);
  const roots =
    config.trusted_root_files === undefined
      ? [...amdRoots]
      : await Promise.all(config.trusted_root_files.map(async (file) => amdRoot(file, await readFile(file))));
  const complianceTable = config.uvm_endorsers?.map((entry) => trustEntry(entry)) ?? [...productionUvmTrust];
  if (config.simulated_root_file !== undefined) {
    roots.push(testRoot(config.simulated_root_file, await readFile(config.simulated_root_file)));
  }
  if (config.simulated_uvm_endorser !== undefined) {
    // The simulated signer has an elliptic curve key; Microsoft's are RSA, and production entries accept nothing else.
    complianceTable.push({ ...trustEntry(config.simulated_uvm_endorser), algorithms: ['ES384', 'PS384'] });
  }
  return { roots, complianceTable };
}

function refuseTestRootInProd(config: AttestationConfig): void {
  if (config.environment !== 'prod') return;
  const problems = (['simulated_root_file', 'simulated_uvm_endorser'] as const)
    .filter((key) => config[key] !== undefined)
    .map((key) => `${key}: environment prod never trusts a simulated platform`);
  if (problems.length === 0) return;
  throw new ConfigError('TEST_ROOT_IN_PROD', problems, {
    action: 'Remove simulated_root_file and simulated_uvm_endorser, or run in another environment.',
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
