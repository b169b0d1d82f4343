import type { FragmentImport } from '../policy-model.ts';

/**
 * The fragment with which the platform's own sidecars are admitted; `minimum_svn` was "1" in confcom 1.2 and is "4"
 * since.
 */
export const infrastructureFragment: FragmentImport = {
  feed: 'mcr.microsoft.com/aci/aci-cc-infra-fragment',
  issuer: 'did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.3',
  minimum_svn: '4',
  includes: ['containers', 'fragments'],
};

/** A tag of this name on a container group leaves the infrastructure fragment out. */
export const zeroSidecarTag = 'Annotate-zero-sidecar';

/** Repositories of the platform's sidecars. An input image of one of them gets no defaults for user containers. */
export const sidecarRepositories: ReadonlySet<string> = new Set([
  ...[
    'msi-atlas-adapter',
    'atlas-mount-azure-file-volume',
    'atlas-mount-secrets-volume',
    'atlas-netstats',
    'atlas-mount-resolv-conf',
    'atlas-mount-gitrepo-volume',
    'sc-proxy',
    'vk-metrics-sidecar',
    'configmaps-adapter-linux',
  ].map((name) => `mcr.microsoft.com/aci/${name}`),
  'k8s.gcr.io/pause',
]);

/** The package of the short document that is made for sidecar images. */
export const sidecarPackage = 'microsoftcontainerinstance';

/** Fragment packages that customers may not use, and those that the guest keeps for itself. */
export const reservedNamespaces: ReadonlySet<string> = new Set(
  'microsoftcontainerinstance data input policy framework api metadata'.split(' '),
);
