import { PROCESSORS } from "../topology.ts";
import { databasesOf, type DefinedService } from "./service.ts";
import type { ServiceTable } from "./tables.ts";

/** The definitions of all services, by the topology: each is in `service.ts` of its folder. */
export async function serviceDefinitions(): Promise<DefinedService[]> {
  return await Promise.all(PROCESSORS.map(async (name) => {
    const { service }: { service: DefinedService } = await import(`./${name}/service.ts`);
    return service;
  }));
}

/** The tables of all services, by their definitions. */
export async function serviceTables(): Promise<ServiceTable[]> {
  return (await serviceDefinitions()).flatMap((service) =>
    databasesOf(service).flatMap(({ owner, tables, orderTables }) =>
      tables.map((table) => ({
        service: service.name,
        owner,
        table,
        isByOrder: orderTables.includes(table),
      }))
    )
  );
}
