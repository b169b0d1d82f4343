export { manifestsOf } from './manifests-of.ts';
export type { ManifestInputs } from './manifests-of.ts';
export { manifestYaml, sortedJson } from './object.ts';
export type { KubernetesObject, ManifestSet } from './object.ts';
export { bundleVersion, measuredFields, operatorObjects, operatorSkeleton, versionSlug } from './operator.ts';
export { virtualNodeObjects } from './virtual-node.ts';
export { pinnedChartVersion, virtualNodeName, virtualNodeValues } from './virtual-node-values.ts';
export type { VirtualNodeValues } from './virtual-node-values.ts';
