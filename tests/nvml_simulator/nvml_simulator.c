/* A stand-in for libnvidia-ml.so.1: NVML's ABI over GPUs that do not exist.
 *
 * The real pynvml loads it through LD_LIBRARY_PATH. Each GPU draws a constant power, so the true energy of a window is
 * power x time and a meter can be held against it. The counter's zero is the machine's boot (CLOCK_MONOTONIC), as the
 * real one's is the driver's load: two processes read the same counter.
 *
 * The driver version always ends in "-simulated" and cannot be set: no figure from here may pass for a measurement.
 *
 * Settings (environment, read at the first nvmlInit):
 *   NVML_SIMULATOR_GPUS            number of GPUs, 0 to 16                                  default 1
 *   NVML_SIMULATOR_WATTS           power of each GPU in W, comma-separated; the last one
 *                                  holds for all further GPUs                               default 300
 *   NVML_SIMULATOR_NAMES           names of the GPUs, likewise                              default an H100
 *   NVML_SIMULATOR_MEMORY_MIB      memory of each GPU in MiB                                default 81559
 *   NVML_SIMULATOR_NO_COUNTER      1: the energy counter answers NOT_SUPPORTED              default 0
 *   NVML_SIMULATOR_RESET_AFTER_S   the counter starts at 0 again so long after nvmlInit     default never
 *   NVML_SIMULATOR_MIG             1: MIG is on                                             default 0
 *
 * UUIDs are GPU-0000000N-0000-4000-8000-000000000000, N the index in hexadecimal.
 * Build: gcc -shared -fPIC -Wall -Wextra -Werror -O1 -o libnvidia-ml.so.1 nvml_simulator.c
 * Source of names, structures and codes: nvml.h of the CUDA toolkit, as used by pynvml 13.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_GPUS 16
#define NAME_SIZE 96

typedef int nvmlReturn_t;
enum {
    NVML_SUCCESS = 0,
    NVML_ERROR_UNINITIALIZED = 1,
    NVML_ERROR_INVALID_ARGUMENT = 2,
    NVML_ERROR_NOT_SUPPORTED = 3,
    NVML_ERROR_NOT_FOUND = 6,
    NVML_ERROR_INSUFFICIENT_SIZE = 7,
};

typedef struct {
    unsigned int index;
    double power_w;
    char name[NAME_SIZE];
} Gpu;

typedef Gpu *nvmlDevice_t;

typedef struct {
    unsigned long long total, free, used;
} nvmlMemory_t;

typedef struct {
    unsigned int version;
    unsigned long long total, reserved, free, used;
} nvmlMemory_v2_t;

static Gpu gpus[MAX_GPUS];
static unsigned int gpu_count;
static unsigned int init_count;
static int settings_are_read;
static unsigned long long memory_bytes;
static int has_counter;
static int mig_is_on;
static double reset_at_s; /* on the monotonic clock; negative: never */

static double monotonic_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static const char *setting(const char *name, const char *fallback) {
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : fallback;
}

/* Copies the index-th item of a comma-separated list, or its last one where the list is shorter. */
static void list_item(const char *list, unsigned int index, char *item, size_t size) {
    const char *comma;
    for (; index > 0 && (comma = strchr(list, ',')) != NULL; index--) list = comma + 1;
    size_t length = strcspn(list, ",");
    if (length >= size) length = size - 1;
    memcpy(item, list, length);
    item[length] = '\0';
}

static void read_settings(void) {
    char text[NAME_SIZE];
    gpu_count = (unsigned int)atoi(setting("NVML_SIMULATOR_GPUS", "1"));
    if (gpu_count > MAX_GPUS) gpu_count = MAX_GPUS;
    for (unsigned int index = 0; index < gpu_count; index++) {
        gpus[index].index = index;
        list_item(setting("NVML_SIMULATOR_WATTS", "300"), index, text, sizeof text);
        gpus[index].power_w = atof(text);
        list_item(setting("NVML_SIMULATOR_NAMES", "NVIDIA H100 80GB HBM3"), index, gpus[index].name, NAME_SIZE);
    }
    memory_bytes = strtoull(setting("NVML_SIMULATOR_MEMORY_MIB", "81559"), NULL, 10) << 20;
    has_counter = !atoi(setting("NVML_SIMULATOR_NO_COUNTER", "0"));
    mig_is_on = atoi(setting("NVML_SIMULATOR_MIG", "0"));
    double reset_after_s = atof(setting("NVML_SIMULATOR_RESET_AFTER_S", "-1"));
    reset_at_s = reset_after_s < 0 ? -1 : monotonic_s() + reset_after_s;
}

static nvmlReturn_t copy_text(const char *text, char *target, unsigned int size) {
    if (strlen(text) >= size) return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(target, text);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlInitWithFlags(unsigned int flags) {
    (void)flags;
    if (!settings_are_read) read_settings();
    settings_are_read = 1;
    init_count++;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

nvmlReturn_t nvmlShutdown(void) {
    if (init_count == 0) return NVML_ERROR_UNINITIALIZED;
    init_count--;
    return NVML_SUCCESS;
}

const char *nvmlErrorString(nvmlReturn_t code) {
    switch (code) {
    case NVML_SUCCESS: return "Success";
    case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT: return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
    case NVML_ERROR_NOT_FOUND: return "Not Found";
    case NVML_ERROR_INSUFFICIENT_SIZE: return "Insufficient Size";
    default: return "Unknown Error";
    }
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int size) {
    if (init_count == 0) return NVML_ERROR_UNINITIALIZED;
    return copy_text("580.00-simulated", version, size);
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count) {
    if (init_count == 0) return NVML_ERROR_UNINITIALIZED;
    *count = gpu_count;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) {
    if (init_count == 0) return NVML_ERROR_UNINITIALIZED;
    if (index >= gpu_count) return NVML_ERROR_INVALID_ARGUMENT;
    *device = &gpus[index];
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int size) {
    char text[NAME_SIZE];
    snprintf(text, sizeof text, "GPU-%08x-0000-4000-8000-000000000000", device->index);
    return copy_text(text, uuid, size);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int size) {
    return copy_text(device->name, name, size);
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
    (void)device;
    *memory = (nvmlMemory_t){.total = memory_bytes, .free = memory_bytes, .used = 0};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory) {
    (void)device;
    *memory = (nvmlMemory_v2_t){.version = memory->version, .total = memory_bytes, .free = memory_bytes};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int *current, unsigned int *pending) {
    (void)device;
    *current = *pending = mig_is_on ? 1 : 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *energy_mj) {
    if (init_count == 0) return NVML_ERROR_UNINITIALIZED;
    if (!has_counter) return NVML_ERROR_NOT_SUPPORTED;
    double now_s = monotonic_s();
    double running_s = reset_at_s >= 0 && now_s >= reset_at_s ? now_s - reset_at_s : now_s;
    *energy_mj = (unsigned long long)(device->power_w * running_s * 1000.0);
    return NVML_SUCCESS;
}
