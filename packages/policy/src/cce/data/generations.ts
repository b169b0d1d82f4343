/**
 * What differs between the generations of the policy generator (`az confcom acipolicygen`). Each generation is a state
 * of its published samples; the labels are ours.
 */
export interface CceGeneration {
  readonly label: CceGenerationLabel;
  readonly apiVersion: string;
  readonly frameworkVersion: string;
  /** Signals of every container before the image's stop signal. */
  readonly signals: readonly number[];
  /** Whether the image's stop signal is added to `signals` or replaces them. */
  readonly stopSignal: 'append' | 'replace';
  /** Flags after the common ones. */
  readonly extraFlags: readonly CceFlag[];
  /** Enforcement points after the common ones. */
  readonly extraPoints: readonly string[];
  /** Whether equal probe commands of an ARM container are written once. */
  readonly deduplicateProbes: boolean;
}

export type CceGenerationLabel = 'G1' | 'G2' | 'G3' | 'G4';

export interface CceFlag {
  readonly name: string;
  readonly value: boolean;
  /** Value in debug mode. */
  readonly debug: boolean;
}

const older = { stopSignal: 'replace', extraFlags: [], deduplicateProbes: false } as const;

export const cceGenerations: Readonly<Record<CceGenerationLabel, CceGeneration>> = {
  G1: { ...older, label: 'G1', apiVersion: '0.10.0', frameworkVersion: '0.2.3', signals: [], extraPoints: [] },
  G2: {
    ...older,
    label: 'G2',
    apiVersion: '0.11.0',
    frameworkVersion: '0.2.3',
    signals: [],
    extraPoints: ['rw_mount_device'],
  },
  G3: {
    ...older,
    label: 'G3',
    apiVersion: '0.11.0',
    frameworkVersion: '0.2.3',
    signals: [9, 15],
    stopSignal: 'append',
    extraPoints: ['rw_mount_device'],
  },
  G4: {
    label: 'G4',
    apiVersion: '0.12.0',
    frameworkVersion: '0.5.0',
    signals: [9, 15],
    stopSignal: 'append',
    extraFlags: [{ name: 'allow_host_network', value: false, debug: false }],
    extraPoints: ['rw_mount_device', 'host_network', 'load_transparency_trust_list'],
    deduplicateProbes: true,
  },
};

/** The newest generation that is not a prerelease. */
export const defaultCceGeneration: CceGenerationLabel = 'G3';

/** Flags of every generation, in the order in which they are written. */
export const commonFlags: readonly CceFlag[] = [
  { name: 'allow_properties_access', value: true, debug: true },
  { name: 'allow_dump_stacks', value: false, debug: true },
  { name: 'allow_runtime_logging', value: false, debug: true },
  { name: 'allow_environment_variable_dropping', value: true, debug: true },
  { name: 'allow_unencrypted_scratch', value: false, debug: false },
  { name: 'allow_capability_dropping', value: true, debug: true },
];

/** Enforcement points of every generation, in the order in which they are bound to the framework. */
export const commonPoints: readonly string[] = [
  'mount_device',
  'unmount_device',
  'mount_overlay',
  'unmount_overlay',
  'create_container',
  'exec_in_container',
  'exec_external',
  'shutdown_container',
  'signal_container_process',
  'plan9_mount',
  'plan9_unmount',
  'get_properties',
  'dump_stacks',
  'runtime_logging',
  'load_fragment',
  'scratch_mount',
  'scratch_unmount',
];
