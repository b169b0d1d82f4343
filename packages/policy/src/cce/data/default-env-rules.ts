import type { EnvRule } from '../policy-model.ts';

const re2 = (pattern: string): EnvRule => ({ pattern, strategy: 're2', required: false });

/**
 * Variables that Azure Container Instances sets in every container, as the generator of 2026 allows them, in its order.
 */
export const aciEnvRules: readonly EnvRule[] = [
  { pattern: 'TERM=xterm', strategy: 'string', required: false },
  re2('(?i)(FABRIC)_.+=.+'),
  re2('HOSTNAME=.+'),
  re2('T(E)?MP=.+'),
  re2('FabricPackageFileName=.+'),
  re2('HostedServiceName=.+'),
  re2('IDENTITY_API_VERSION=.+'),
  re2('IDENTITY_HEADER=.+'),
  re2('IDENTITY_SERVER_THUMBPRINT=.+'),
  re2('azurecontainerinstance_restarted_by=.+'),
];

/** Kubernetes service variables, after the ones above on virtual nodes. UDP services have none. */
export const vn2ServiceEnvRules: readonly EnvRule[] = [
  re2('[A-Z0-9_]+_SERVICE_HOST=.+'),
  re2('[A-Z0-9_]+_SERVICE_PORT=.+'),
  re2('[A-Z0-9_]+_SERVICE_PORT_[A-Z0-9_]+=.+'),
  re2('[A-Z0-9_]+_PORT=.+'),
  re2('[A-Z0-9_]+_PORT_[0-9]+_TCP=.+'),
  re2('[A-Z0-9_]+_PORT_[0-9]+_TCP_PROTO=.+'),
  re2('[A-Z0-9_]+_PORT_[0-9]+_TCP_PORT=.+'),
  re2('[A-Z0-9_]+_PORT_[0-9]+_TCP_ADDR=.+'),
];

/** What the workload identity webhook sets in a pod with the label below. */
export const workloadIdentityEnvRules: readonly EnvRule[] = [
  re2('AZURE_CLIENT_ID=.+'),
  re2('AZURE_TENANT_ID=.+'),
  re2('AZURE_FEDERATED_TOKEN_FILE=.+'),
  re2('AZURE_AUTHORITY_HOST=.+'),
];

export const workloadIdentityLabel = 'azure.workload.identity/use';

/**
 * Variables that the platform was seen to set although no default rule allows them (Azure/azure-cli-extensions#10310,
 * 2026).
 */
export const uncoveredPlatformVariables: readonly string[] = [
  'IDENTITY_ENDPOINT',
  'IMDS_ENDPOINT',
  'APP_IDENTITY_ENDPOINT',
];

/** Opt-in rules for those variables. */
export const platformIdentityEnvRules: readonly EnvRule[] = uncoveredPlatformVariables.map((name) => re2(`${name}=.+`));

/** Values that the virtual node replaces at deployment. The dots are not escaped upstream: they match any character. */
export const vn2Placeholder = /^===VIRTUALNODE2.CC.THIM.(.+)===$/;

/** The value of the variable `THIM_ENDPOINT` that Azure Container Instances replaces at deployment. */
export const aciPlaceholder = { name: 'THIM_ENDPOINT', value: /^===CONFIDENTIAL.THIM.ENDPOINT===$/ } as const;
