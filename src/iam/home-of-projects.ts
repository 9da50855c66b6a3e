import type { DomainId, ProjectId } from '../domain/ids.ts';
import type { Store } from '../store/open.ts';
import { findProject } from '../store/projects.ts';

const MOST_KEPT = 10_000;

/** Which domain a project belongs to, which never changes; asked at each signed request, so it is remembered. */
export class HomeOfProjects {
  readonly #store: Pick<Store, 'read'>;
  readonly #known = new Map<ProjectId, DomainId>();

  constructor(store: Pick<Store, 'read'>) {
    this.#store = store;
  }

  /** Undefined: there is no such project. */
  async find(project: ProjectId): Promise<DomainId | undefined> {
    const known = this.#known.get(project);
    if (known !== undefined) return known;
    const home = (await findProject(this.#store.read, project))?.domain;
    if (home === undefined) return undefined;
    this.#known.set(project, home);
    if (this.#known.size > MOST_KEPT) {
      const oldest = this.#known.keys().next();
      if (!oldest.done) this.#known.delete(oldest.value);
    }
    return home;
  }
}
