/** When the platform adds a variable to a container. */
export type InjectionCondition =
  | 'always'
  /** A managed identity is attached to the container group. */
  | 'identity'
  /** Kubernetes services exist in the pod's namespace. */
  | 'services'
  /** The pod is labelled for workload identity. */
  | 'workload-identity'
  /** Service Fabric hosts the container group. */
  | 'fabric'
  /** The group was restarted by the platform. */
  | 'restart';

/** A variable that a platform adds to containers without being asked. */
export interface InjectedVariable {
  readonly name: string;
  /** A value as the platform may choose it; the real one is not known beforehand. */
  readonly example: string;
  readonly when: InjectionCondition;
  /** `today`: seen in running groups. `announced`: said to come, or seen in some regions only. */
  readonly since: 'today' | 'announced';
  /** Which containers get it; `all` includes the platform's own sidecars. */
  readonly scope: 'workload' | 'all';
  readonly source: string;
  /** Day on which the entry was taken from its source, ISO 8601. */
  readonly date: string;
}

/** What one platform is known to do to containers, as data: it changes without notice and independently of releases. */
export interface PlatformProfile {
  readonly name: string;
  readonly description: string;
  readonly variables: readonly InjectedVariable[];
}
