import { PROCESSORS } from "../topology.ts";
import type { DefinedService } from "./service.ts";

/** The definitions of all services, by the topology: each is in `service.ts` of its folder. */
export async function serviceDefinitions(): Promise<DefinedService[]> {
  return await Promise.all(PROCESSORS.map(async (name) => {
    const { service }: { service: DefinedService } = await import(`./${name}/service.ts`);
    return service;
  }));
}
