import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  NMI_NOT_NAMESPACED: {
    family: 'config',
    meaning: 'Managed mode was asked for without forced namespaces, in which it alone is safe.',
    action: 'Leave forceNamespaced at true, or use standard mode.',
  },
  NMI_KUBENET: {
    family: 'config',
    meaning: 'The node uses kubenet, where pods can take the address of another and get its tokens (CVE-2021-1677).',
    action: 'Use Azure CNI, or accept the risk with allow-network-plugin-kubenet.',
  },
  METADATA_UNREACHABLE: {
    family: 'dependency',
    meaning: 'The metadata service or Entra ID did not answer.',
    action: 'Check that the node reaches the metadata service and, for service principals, Entra ID.',
  },
  METADATA_ANSWER_TOO_LARGE: {
    family: 'dependency',
    meaning: 'The metadata service or Entra ID sent more than an answer can hold.',
    action: 'Check metadata-ip and metadata-port.',
  },
  IDENTITY_SECRET_MISSING: {
    family: 'dependency',
    meaning: 'The Secret that an AzureIdentity of type 1 or 2 names does not exist.',
    action: 'Create it, or correct clientPassword of the AzureIdentity.',
  },
  REDIRECT_FAILED: {
    family: 'dependency',
    meaning: 'The rules that redirect pods to the node’s server could not be changed.',
    action: 'Install nftables or iptables, and run with the capabilities NET_ADMIN and NET_RAW.',
  },
  PROXY_TENANT_MISSING: {
    family: 'config',
    meaning: 'The proxy of a migrated pod does not know the tenant of its identity.',
    action: 'Label the pod azure.workload.identity/use, so that the webhook injects AZURE_TENANT_ID.',
  },
};
