export { droppedFields } from './dropped-fields.ts';
export { manifestsOf } from './manifests-of.ts';
export type { ManifestInputs } from './manifests-of.ts';
export { manifestYaml } from './object.ts';
export type { KubernetesObject, ManifestSet } from './object.ts';
export { bundleVersion, measuredFields, operatorObjects, operatorSkeleton, versionSlug } from './operator.ts';
