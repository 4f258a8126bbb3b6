/* A stand-in for libnvidia-ml.so.1: NVML's ABI over GPUs that do not exist.
 *
 * The real pynvml loads it through LD_LIBRARY_PATH. Each GPU follows a power profile whose integral is known in closed
 * form, so a meter can be held against the truth. The energy's zero is the machine's boot (CLOCK_MONOTONIC), as the
 * real counter's is the driver's load: two processes read the same counter.
 *
 * The driver version always ends in "-simulated" and cannot be set: no figure from here may pass for a measurement.
 *
 * Settings: environment variables, read at the first nvmlInit; a setting that cannot be read fails it, with a line on
 * stderr. "Per GPU" is a list whose last item holds for all further GPUs. Times are CLOCK_MONOTONIC in seconds.
 *
 * The machine
 *   NVML_SIMULATOR_GPUS            number of GPUs, 0 to 16                                           default 1
 *   NVML_SIMULATOR_ORDER           which GPU lies at each of NVML's indices, comma-separated numbers    default 0,1,2,...
 *                                  A GPU's number gives its UUID and its place in every list per GPU.
 *   NVML_SIMULATOR_FORBIDDEN_GPU   the number of a GPU whose handle answers NO_PERMISSION, as in a device cgroup  default none
 *   NVML_SIMULATOR_NAMES           names, per GPU, comma-separated                                   default an H100
 *   NVML_SIMULATOR_MEMORY_MIB      memory of each GPU                                                default 81559
 *   NVML_SIMULATOR_MEMORY_USED_MIB memory in use on each GPU                                         default 0
 *   NVML_SIMULATOR_MIG             1: MIG is on                                                      default 0
 *   NVML_SIMULATOR_TEMPERATURE_C   temperature                                                       default 45
 *   NVML_SIMULATOR_SM_CLOCK_MHZ    graphics and SM clock                                             default 1980
 *   NVML_SIMULATOR_MEMORY_CLOCK_MHZ  memory clock                                                    default 2619
 *
 * The power that is truly drawn
 *   NVML_SIMULATOR_EPOCH_S         time zero of profiles and of every ..._AFTER_S; give it where
 *                                  several processes must see one history                   default the first nvmlInit
 *   NVML_SIMULATOR_WATTS           W, per GPU, comma-separated                                       default 300
 *   NVML_SIMULATOR_PROFILE         per GPU, semicolon-separated                                      default constant
 *       constant                       WATTS
 *       square:LOW_W,HIGH_W,PERIOD_S,DUTY  each period begins with DUTY x PERIOD_S at HIGH_W, then LOW_W; for ever,
 *                                      before the epoch too
 *       file:PATH                      lines "time_s power_w" in order of time since the epoch; a power holds until
 *                                      the next line, the last one for ever, the first one also before it
 *   NVML_SIMULATOR_CONTROL         file, read on whenever it grew, of lines "time_s gpu power_w" in order of time:
 *                                  that GPU draws that power from that time on, instead of its profile; how a running
 *                                  program says that it works                                        default none
 *
 * What NVML shows of it
 *   NVML_SIMULATOR_PERIOD_S        the energy counter moves every so many seconds; 0: always.
 *                                  GPU n's ticks are n x 0.618034 periods (modulo one) later than GPU 0's, whose
 *                                  lie on multiples of the period                                    default 0
 *   NVML_SIMULATOR_LOAD_PERIOD_S   the period while the GPU draws LOAD_ABOVE_W or more                default PERIOD_S
 *   NVML_SIMULATOR_LOAD_ABOVE_W                                                                      default 150
 *   NVML_SIMULATOR_TICK_JITTER     each interval is longer or shorter by up to this part of the period  default 0
 *   NVML_SIMULATOR_MISSED_TICKS    the part of ticks that the counter misses; the next one has it all  default 0
 *   NVML_SIMULATOR_LATE_TICK_AFTER_S  the first tick after this moment is late                       default never
 *   NVML_SIMULATOR_LATE_TICK_EVERY_S  and so is the first one so many seconds later, and so on        default never
 *   NVML_SIMULATOR_LATE_TICK_S     by how much                                                       default 0.15
 *   NVML_SIMULATOR_PART_TIME_S     the counter is fed by a sensor that sees the last so many seconds before each tick,
 *                                  and takes them for the whole interval; 0: it counts everything    default 0
 *   NVML_SIMULATOR_STEP_MJ         the counter shows multiples of so many mJ                         default 1
 *   NVML_SIMULATOR_TICK_SEED       another seed, other jitter and missed ticks                       default 0
 *                                  With jitter, load, missed or late ticks or a part-time sensor the ticks of a process
 *                                  begin at the epoch; give that where several processes must see the same ones.
 *   NVML_SIMULATOR_COUNTER_SCALE   factor on the counter                                             default 1
 *   NVML_SIMULATOR_NO_COUNTER      1: the counter answers NOT_SUPPORTED                              default 0
 *   NVML_SIMULATOR_FREEZE_AFTER_S  the counter stays as it is from then on                           default never
 *   NVML_SIMULATOR_FREEZE_UNTIL_S  and until then; it has counted meanwhile                          default for ever
 *   NVML_SIMULATOR_RESET_AFTER_S   the counter starts at 0 again                                     default never
 *   NVML_SIMULATOR_RESET_EVERY_S   and once more so many seconds later, and so on                    default never
 *   NVML_SIMULATOR_LOST_AFTER_S    counter, power, temperature, clocks and their events answer
 *                                  GPU_IS_LOST from then on                                          default never
 *   NVML_SIMULATOR_LOST_UNTIL_S    and until then                                                    default for ever
 *   NVML_SIMULATOR_POWER_PERIOD_S  power readings change every so many seconds, with the same offset
 *                                  between GPUs; 0: always. A100 and H100: 0.1 (arXiv 2312.02741)    default 0
 *   NVML_SIMULATOR_BOXCAR_S        the instant power is the mean over the last so many seconds; 0: the power drawn.
 *                                  A100 and H100: 0.025. The average power is always over 1 s        default 0
 *   NVML_SIMULATOR_MODULE_W        power of the module beside the GPU's: in the module's power and in the counter, as on
 *                                  GH200                                                             default 0
 *   NVML_SIMULATOR_FAIL            calls that answer UNKNOWN_ERROR, comma-separated CALL@AFTER_S*COUNT: the first COUNT
 *                                  ones after that moment (*0: all of them). CALL is energy, power, temperature, clock,
 *                                  memory, processes, limit or events                                default none
 *   NVML_SIMULATOR_SLOW            calls that take long, CALL@AFTER_S*COUNT:SECONDS                  default none
 *   NVML_SIMULATOR_NO_INSTANT_POWER  1: the instant power answers NOT_SUPPORTED                      default 0
 *
 * What else happens on the GPUs, on all of them unless said
 *   NVML_SIMULATOR_OWN_PROCESS     1: the calling process is listed as a compute process             default 1
 *   NVML_SIMULATOR_OWN_PID         its id, as the machine's PID namespace has it                     default its own
 *   NVML_SIMULATOR_FOREIGN_PID     a further compute process                                         default none
 *   NVML_SIMULATOR_FOREIGN_AFTER_S when it appears                                                   default at once
 *   NVML_SIMULATOR_FOREIGN_UNTIL_S when it is gone                                                   default never
 *   NVML_SIMULATOR_FOREIGN_WITH    a file: it is there when that is                                 default none
 *   NVML_SIMULATOR_FOREIGN_GPU     the one GPU that it is on                                         default all
 *   NVML_SIMULATOR_THROTTLE        bits of the clock event reasons, as 0x40                          default 0
 *   NVML_SIMULATOR_THROTTLE_AFTER_S  when they are set                                               default at once
 *   NVML_SIMULATOR_THROTTLE_UNTIL_S  when they are cleared                                           default never
 *   NVML_SIMULATOR_POWER_LIMIT_W   power limit                                                       default 700
 *   NVML_SIMULATOR_POWER_LIMIT_CHANGE_AFTER_S  when the limit changes                                default never
 *   NVML_SIMULATOR_POWER_LIMIT_CHANGE_UNTIL_S  when it changes back                                 default never
 *   NVML_SIMULATOR_DEFAULT_POWER_LIMIT_W  the limit that the GPU comes with                         default 700
 *   NVML_SIMULATOR_POWER_LIMIT_CHANGED_W  what it is then                                            default 400
 *
 * Beyond NVML: nvmlSimulatorTrueEnergy_mJ(gpu, time_s) is the energy drawn from boot to time_s, in mJ.
 * nvmlSimulatorUseClock(time_s): the time is what lies there, from then on (own_time.py).
 * nvmlSimulatorDraw(gpu, time_s, power_w): what a line of the control file says, at once.
 * nvmlSimulatorFail(call, count): the next count calls of that name fail.
 *
 * UUIDs are GPU-0000000N-0000-4000-8000-000000000000, N the GPU's number in hexadecimal: its index, unless ORDER differs.
 * Build: gcc -shared -fPIC -pthread -Wall -Wextra -Werror -O1 -o libnvidia-ml.so.1 nvml_simulator.c -lm
 * Source of names, structures and codes: nvml.h of the CUDA toolkit, as used by pynvml 13.
 */

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_GPUS 16
#define NAME_SIZE 96
#define ITEM_SIZE 4096 /* a profile may hold a path */
#define LINE_SIZE 256
#define PHASE_STEP 0.618034 /* of a period, between the ticks of one GPU and the next */
#define AVERAGE_POWER_S 1.0 /* nvmlDeviceGetPowerUsage on Ampere and later */
#define FOREIGN_MIB 512
#define MIN_POWER_LIMIT_MW 200000
#define MAX_POWER_LIMIT_MW 700000

typedef int nvmlReturn_t;
enum {
    NVML_SUCCESS = 0,
    NVML_ERROR_UNINITIALIZED = 1,
    NVML_ERROR_INVALID_ARGUMENT = 2,
    NVML_ERROR_NOT_SUPPORTED = 3,
    NVML_ERROR_NO_PERMISSION = 4,
    NVML_ERROR_NOT_FOUND = 6,
    NVML_ERROR_INSUFFICIENT_SIZE = 7,
    NVML_ERROR_GPU_IS_LOST = 15,
    NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25,
    NVML_ERROR_UNKNOWN = 999,
};

enum { NVML_VALUE_TYPE_UNSIGNED_INT = 1, NVML_VALUE_TYPE_UNSIGNED_LONG_LONG = 3 };
enum { NVML_POWER_SCOPE_GPU = 0, NVML_POWER_SCOPE_MODULE = 1 };
enum { NVML_CLOCK_GRAPHICS = 0, NVML_CLOCK_SM = 1, NVML_CLOCK_MEM = 2, NVML_CLOCK_VIDEO = 3 };
enum {
    NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION = 83,
    NVML_FI_DEV_POWER_AVERAGE = 185,
    NVML_FI_DEV_POWER_INSTANT = 186,
    NVML_FI_DEV_POWER_MIN_LIMIT = 187,
    NVML_FI_DEV_POWER_MAX_LIMIT = 188,
    NVML_FI_DEV_POWER_DEFAULT_LIMIT = 189,
    NVML_FI_DEV_POWER_CURRENT_LIMIT = 190,
};

/* A power that holds from each time until the next; energy_j[i] is what is drawn from time_s[0] to time_s[i]. */
typedef struct {
    size_t count;
    double *time_s, *power_w, *energy_j;
} Steps;

typedef enum { CONSTANT, SQUARE, STEPS } ProfileKind;

typedef struct {
    unsigned int index, number; /* NVML's position, and which GPU it is */
    char name[NAME_SIZE];
    ProfileKind kind;
    double low_w, high_w, period_s, duty; /* a constant power is its high_w */
    Steps profile;                        /* times since the epoch */
    Steps control;                        /* times of the monotonic clock */
    struct {
        unsigned long long number; /* of ticks so far */
        double time_s, next_s;     /* of the last tick, and of the one after it */
        double counted_j, shown_j; /* with the last tick, and with the last one that was not missed */
    } ticks;
} Gpu;

typedef Gpu *nvmlDevice_t;

typedef struct {
    unsigned long long total, free, used;
} nvmlMemory_t;

typedef struct {
    unsigned int version;
    unsigned long long total, reserved, free, used;
} nvmlMemory_v2_t;

typedef struct {
    unsigned int pid;
    unsigned long long used_bytes;
    unsigned int gpu_instance_id, compute_instance_id;
} nvmlProcessInfo_t;

typedef union {
    double dVal;
    unsigned int uiVal;
    unsigned long long ullVal;
} nvmlValue_t;

typedef struct {
    uint32_t field_id, scope_id;
    int64_t timestamp_us, latency_us;
    int value_type;
    nvmlReturn_t result;
    nvmlValue_t value;
} nvmlFieldValue_t;

typedef struct {
    unsigned int version;
    int sensor;
    int temperature_c;
} nvmlTemperature_t;

typedef struct {
    unsigned int gpu_percent, memory_percent;
} nvmlUtilization_t;

typedef struct {
    char bus_id_legacy[16];
    unsigned int domain, bus, device, device_id, subsystem_id;
    char bus_id[32];
} nvmlPciInfo_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* a sampler reads beside the measurement */
static Gpu gpus[MAX_GPUS];
static unsigned int gpu_count, init_count;
static int settings_are_read, settings_are_bad;
static double epoch_s;
static FILE *control;
static const char *control_path, *foreign_with;
static off_t control_size;

static unsigned long long memory_bytes, memory_used_bytes, throttle_bits;
static int has_counter, has_instant_power, lists_own_process, mig_is_on;
static double counter_period_s, counter_scale, power_period_s, boxcar_s;
static double frozen_at_s, reset_at_s, lost_at_s, foreign_at_s, throttle_at_s, limit_changes_at_s;
static double load_period_s, load_above_w, tick_jitter, missed_ticks, late_tick_at_s, late_tick_every_s, late_tick_s;
static double part_time_s, module_w, frozen_until_s, reset_every_s, lost_until_s, foreign_until_s, throttle_until_s;
static double limit_changes_back_at_s;
static unsigned long long step_mj, tick_seed;
static int has_odd_ticks;
static int foreign_gpu, forbidden_gpu;
static unsigned int own_pid, default_limit_mw, foreign_pid, temperature_c, sm_clock_mhz, memory_clock_mhz, limit_mw, changed_limit_mw;

static double *own_time_s; /* NULL: the machine's */

typedef enum { ENERGY, POWER, TEMPERATURE, CLOCK, MEMORY, PROCESSES, LIMIT, EVENTS, CALLS } Call;
static const char *const call_names[CALLS] = {
    "energy", "power", "temperature", "clock", "memory", "processes", "limit", "events"};
#define MAX_FAULTS 32
static struct {
    Call call;
    double at_s, slow_s;
    int fails, for_ever;
    unsigned int left;
} faults[MAX_FAULTS];
static unsigned int fault_count;
static pthread_mutex_t fault_lock = PTHREAD_MUTEX_INITIALIZER;

static double monotonic_s(void) {
    struct timespec now;
    if (own_time_s != NULL) return *own_time_s;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- settings ---- */

static void refuse(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("NVML simulator: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    settings_are_bad = 1;
}

static const char *setting(const char *name, const char *fallback) {
    char variable[NAME_SIZE];
    snprintf(variable, sizeof variable, "NVML_SIMULATOR_%s", name);
    const char *value = getenv(variable);
    return value != NULL && *value != '\0' ? value : fallback;
}

static double number(const char *name, double fallback) {
    const char *text = setting(name, NULL);
    char *end;
    if (text == NULL) return fallback;
    double value = strtod(text, &end);
    if (*end != '\0') refuse("NVML_SIMULATOR_%s: %s is no number", name, text);
    return value;
}

/* When something happens that is set as seconds after the epoch. */
static double moment_s(const char *name, double fallback_after_s) { return epoch_s + number(name, fallback_after_s); }

/* Copies the index-th item of a list, or its last one where the list is shorter. */
static void list_item(const char *list, char separator, unsigned int index, char *item, size_t size) {
    const char *next;
    for (; index > 0 && (next = strchr(list, separator)) != NULL; index--) list = next + 1;
    const char *end = strchr(list, separator);
    snprintf(item, size, "%.*s", (int)(end == NULL ? strlen(list) : (size_t)(end - list)), list);
}

/* ---- the power that is drawn, and its integral ---- */

static void add_step(Steps *steps, double time_s, double power_w) {
    size_t last = steps->count, bytes = (last + 1) * sizeof(double);
    steps->time_s = realloc(steps->time_s, bytes);
    steps->power_w = realloc(steps->power_w, bytes);
    steps->energy_j = realloc(steps->energy_j, bytes);
    if (steps->time_s == NULL || steps->power_w == NULL || steps->energy_j == NULL) abort();
    if (last > 0 && time_s < steps->time_s[last - 1]) time_s = steps->time_s[last - 1];
    steps->time_s[last] = time_s;
    steps->power_w[last] = power_w;
    steps->energy_j[last] = 0;
    if (last > 0) {
        double lasted_s = time_s - steps->time_s[last - 1];
        steps->energy_j[last] = steps->energy_j[last - 1] + steps->power_w[last - 1] * lasted_s;
    }
    steps->count++;
}

/* The step that holds at a time: the first one before its time, too. */
static size_t step_at(const Steps *steps, double time_s) {
    size_t low = 0, high = steps->count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (steps->time_s[middle] <= time_s) low = middle;
        else high = middle;
    }
    return low;
}

static double steps_energy_j(const Steps *steps, double time_s) {
    size_t step = step_at(steps, time_s);
    return steps->energy_j[step] + steps->power_w[step] * (time_s - steps->time_s[step]);
}

/* An antiderivative of the profile's power; since_epoch_s may be negative. */
static double profile_energy_j(const Gpu *gpu, double since_epoch_s) {
    if (gpu->kind == STEPS) return steps_energy_j(&gpu->profile, since_epoch_s);
    if (gpu->kind == CONSTANT) return gpu->high_w * since_epoch_s;
    double periods = floor(since_epoch_s / gpu->period_s), high_s = gpu->duty * gpu->period_s;
    double high_total_s = periods * high_s + fmin(since_epoch_s - periods * gpu->period_s, high_s);
    return gpu->low_w * since_epoch_s + (gpu->high_w - gpu->low_w) * high_total_s;
}

static void add_fault(const char *name, double at_s, unsigned int count, int fails, double slow_s) {
    for (int call = 0; call < CALLS; call++) {
        if (strcmp(name, call_names[call]) != 0) continue;
        if (fault_count == MAX_FAULTS) abort();
        faults[fault_count].call = (Call)call;
        faults[fault_count].at_s = at_s;
        faults[fault_count].slow_s = slow_s;
        faults[fault_count].fails = fails;
        faults[fault_count].for_ever = count == 0;
        faults[fault_count++].left = count;
        return;
    }
    refuse("%s is no call that can fail", name);
}

static void read_faults(const char *variable, int fails) {
    char item[ITEM_SIZE], name[NAME_SIZE];
    const char *list = setting(variable, NULL);
    if (list == NULL) return;
    unsigned int items = 1;
    for (const char *at = list; *at != '\0'; at++) items += *at == ',';
    for (unsigned int index = 0; index < items; index++) {
        double after_s, slow_s = 0;
        unsigned int count;
        list_item(list, ',', index, item, sizeof item);
        int found = sscanf(item, "%95[a-z]@%lf*%u:%lf", name, &after_s, &count, &slow_s);
        if (found != (fails ? 3 : 4)) refuse("NVML_SIMULATOR_%s: %s is not CALL@AFTER_S*COUNT", variable, item);
        else add_fault(name, epoch_s + after_s, count, fails, slow_s);
    }
}

/* Whether this call fails; it takes its time first. */
static int call_fails(Call call) {
    double slow_s = 0;
    int fails = 0;
    pthread_mutex_lock(&fault_lock);
    for (unsigned int index = 0; index < fault_count; index++) {
        if (faults[index].call != call || monotonic_s() < faults[index].at_s) continue;
        if (faults[index].left == 0 && !faults[index].for_ever) continue;
        if (!faults[index].for_ever) faults[index].left--;
        slow_s += faults[index].slow_s;
        fails |= faults[index].fails;
    }
    pthread_mutex_unlock(&fault_lock);
    if (slow_s > 0 && own_time_s != NULL) *own_time_s += slow_s;
    else if (slow_s > 0) {
        struct timespec pause = {.tv_sec = (time_t)slow_s, .tv_nsec = (long)(fmod(slow_s, 1.0) * 1e9)};
        nanosleep(&pause, NULL);
    }
    return fails;
}

static double profile_power_w(const Gpu *gpu, double since_epoch_s) {
    if (gpu->kind == STEPS) return gpu->profile.power_w[step_at(&gpu->profile, since_epoch_s)];
    if (gpu->kind == CONSTANT) return gpu->high_w;
    double in_period_s = since_epoch_s - floor(since_epoch_s / gpu->period_s) * gpu->period_s;
    return in_period_s < gpu->duty * gpu->period_s ? gpu->high_w : gpu->low_w;
}

static int is_controlled(const Gpu *gpu, double time_s) {
    return gpu->control.count > 0 && time_s >= gpu->control.time_s[0];
}

static double energy_j(const Gpu *gpu, double time_s) {
    double profile_until_s = is_controlled(gpu, time_s) ? gpu->control.time_s[0] : time_s;
    double controlled_j = is_controlled(gpu, time_s) ? steps_energy_j(&gpu->control, time_s) : 0;
    return profile_energy_j(gpu, profile_until_s - epoch_s) - profile_energy_j(gpu, -epoch_s) + controlled_j;
}

static double power_w(const Gpu *gpu, double time_s) {
    if (is_controlled(gpu, time_s)) return gpu->control.power_w[step_at(&gpu->control, time_s)];
    return profile_power_w(gpu, time_s - epoch_s);
}

/* Takes in the whole lines by which the control file grew. */
static void read_control(void) {
    struct stat status;
    if (control_path == NULL) return;
    if (control == NULL && (control = fopen(control_path, "r")) == NULL) return;
    if (fstat(fileno(control), &status) != 0 || status.st_size == control_size) return;
    control_size = status.st_size;
    char line[LINE_SIZE];
    long line_start = ftell(control);
    while (fgets(line, sizeof line, control) != NULL && strchr(line, '\n') != NULL) {
        double time_s, watts;
        unsigned int index;
        if (sscanf(line, "%lf %u %lf", &time_s, &index, &watts) == 3 && index < gpu_count)
            add_step(&gpus[index].control, time_s, watts);
        line_start = ftell(control);
    }
    clearerr(control);
    fseek(control, line_start, SEEK_SET);
}

static void read_profile_file(Gpu *gpu, const char *path) {
    FILE *file = fopen(path, "r");
    char line[LINE_SIZE];
    if (file == NULL) {
        refuse("NVML_SIMULATOR_PROFILE: file:%s cannot be opened", path);
        return;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        double time_s, watts;
        if (sscanf(line, "%lf %lf", &time_s, &watts) == 2) add_step(&gpu->profile, time_s, watts);
        else if (line[strspn(line, " \t\n")] != '\0')
            refuse("NVML_SIMULATOR_PROFILE: file:%s: not \"time_s power_w\": %s", path, line);
    }
    fclose(file);
    if (gpu->profile.count == 0) refuse("NVML_SIMULATOR_PROFILE: file:%s holds no line", path);
}

static void read_profile(Gpu *gpu) {
    char text[ITEM_SIZE];
    list_item(setting("WATTS", "300"), ',', gpu->number, text, sizeof text);
    gpu->high_w = atof(text);
    list_item(setting("PROFILE", "constant"), ';', gpu->number, text, sizeof text);
    if (strncmp(text, "file:", 5) == 0) {
        gpu->kind = STEPS;
        read_profile_file(gpu, text + 5);
    } else if (strncmp(text, "square:", 7) == 0) {
        gpu->kind = SQUARE;
        int found = sscanf(text + 7, "%lf,%lf,%lf,%lf", &gpu->low_w, &gpu->high_w, &gpu->period_s, &gpu->duty);
        if (found != 4 || gpu->period_s <= 0 || gpu->duty < 0 || gpu->duty > 1)
            refuse("NVML_SIMULATOR_PROFILE: %s is not square:LOW_W,HIGH_W,PERIOD_S,DUTY", text);
    } else if (strcmp(text, "constant") != 0) {
        refuse("NVML_SIMULATOR_PROFILE: %s is not one of constant, square:..., file:...", text);
    }
}

static void read_order(Gpu *gpu) {
    char text[ITEM_SIZE], *end;
    const char *order = setting("ORDER", NULL);
    if (order == NULL) return;
    list_item(order, ',', gpu->index, text, sizeof text);
    gpu->number = (unsigned int)strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0') refuse("NVML_SIMULATOR_ORDER: %s is no list of numbers", order);
}

static void read_settings(void) {
    epoch_s = number("EPOCH_S", monotonic_s());
    gpu_count = (unsigned int)number("GPUS", 1);
    forbidden_gpu = (int)number("FORBIDDEN_GPU", -1);
    if (gpu_count > MAX_GPUS) gpu_count = MAX_GPUS;
    for (unsigned int index = 0; index < gpu_count; index++) {
        gpus[index].index = gpus[index].number = index;
        read_order(&gpus[index]);
        list_item(setting("NAMES", "NVIDIA H100 80GB HBM3"), ',', gpus[index].number, gpus[index].name, NAME_SIZE);
        read_profile(&gpus[index]);
    }
    control_path = setting("CONTROL", NULL);
    memory_bytes = (unsigned long long)number("MEMORY_MIB", 81559) << 20;
    memory_used_bytes = (unsigned long long)number("MEMORY_USED_MIB", 0) << 20;
    mig_is_on = number("MIG", 0) != 0;
    temperature_c = (unsigned int)number("TEMPERATURE_C", 45);
    sm_clock_mhz = (unsigned int)number("SM_CLOCK_MHZ", 1980);
    memory_clock_mhz = (unsigned int)number("MEMORY_CLOCK_MHZ", 2619);

    counter_period_s = number("PERIOD_S", 0);
    load_period_s = number("LOAD_PERIOD_S", counter_period_s);
    load_above_w = number("LOAD_ABOVE_W", 150);
    tick_jitter = number("TICK_JITTER", 0);
    missed_ticks = number("MISSED_TICKS", 0);
    late_tick_at_s = moment_s("LATE_TICK_AFTER_S", INFINITY);
    late_tick_every_s = number("LATE_TICK_EVERY_S", INFINITY);
    late_tick_s = number("LATE_TICK_S", 0.15);
    part_time_s = number("PART_TIME_S", 0);
    step_mj = (unsigned long long)number("STEP_MJ", 1);
    tick_seed = (unsigned long long)number("TICK_SEED", 0);
    has_odd_ticks = load_period_s != counter_period_s || tick_jitter > 0 || missed_ticks > 0 || part_time_s > 0 ||
                    late_tick_at_s < INFINITY;
    if (has_odd_ticks && (counter_period_s <= 0 || load_period_s <= 0)) refuse("odd ticks need a PERIOD_S");
    module_w = number("MODULE_W", 0);
    read_faults("FAIL", 1);
    read_faults("SLOW", 0);
    counter_scale = number("COUNTER_SCALE", 1);
    has_counter = number("NO_COUNTER", 0) == 0;
    frozen_at_s = moment_s("FREEZE_AFTER_S", INFINITY);
    frozen_until_s = moment_s("FREEZE_UNTIL_S", INFINITY);
    reset_at_s = moment_s("RESET_AFTER_S", INFINITY);
    reset_every_s = number("RESET_EVERY_S", INFINITY);
    lost_at_s = moment_s("LOST_AFTER_S", INFINITY);
    lost_until_s = moment_s("LOST_UNTIL_S", INFINITY);
    power_period_s = number("POWER_PERIOD_S", 0);
    boxcar_s = number("BOXCAR_S", 0);
    has_instant_power = number("NO_INSTANT_POWER", 0) == 0;

    lists_own_process = number("OWN_PROCESS", 1) != 0;
    foreign_pid = (unsigned int)number("FOREIGN_PID", 0);
    own_pid = (unsigned int)number("OWN_PID", getpid());
    foreign_at_s = moment_s("FOREIGN_AFTER_S", -INFINITY);
    foreign_until_s = moment_s("FOREIGN_UNTIL_S", INFINITY);
    foreign_with = setting("FOREIGN_WITH", NULL);
    foreign_gpu = (int)number("FOREIGN_GPU", -1);
    throttle_bits = strtoull(setting("THROTTLE", "0"), NULL, 0);
    throttle_at_s = moment_s("THROTTLE_AFTER_S", -INFINITY);
    throttle_until_s = moment_s("THROTTLE_UNTIL_S", INFINITY);
    limit_mw = (unsigned int)(number("POWER_LIMIT_W", 700) * 1000);
    changed_limit_mw = (unsigned int)(number("POWER_LIMIT_CHANGED_W", 400) * 1000);
    limit_changes_at_s = moment_s("POWER_LIMIT_CHANGE_AFTER_S", INFINITY);
    limit_changes_back_at_s = moment_s("POWER_LIMIT_CHANGE_UNTIL_S", INFINITY);
    default_limit_mw = (unsigned int)(number("DEFAULT_POWER_LIMIT_W", MAX_POWER_LIMIT_MW / 1000.0) * 1000);
}

/* ---- what NVML shows of it; the lock is held ---- */

/* The last moment at or before time_s at which this GPU's readings moved. */
static double last_tick_s(const Gpu *gpu, double period_s, double time_s) {
    if (period_s <= 0) return time_s;
    double offset_s = fmod(gpu->index * PHASE_STEP, 1.0) * period_s;
    return floor((time_s - offset_s) / period_s) * period_s + offset_s;
}

static int is_lost(void) { return monotonic_s() >= lost_at_s && monotonic_s() < lost_until_s; }

/* A number from 0 to 1 that belongs to this tick. Source: splitmix64 (Steele, Lea, Flood 2014). */
static double chance(const Gpu *gpu, unsigned long long purpose) {
    unsigned long long x = gpu->ticks.number * 4 + purpose + (gpu->number + 1) * 0x9e3779b97f4a7c15ULL + (tick_seed << 40);
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return (double)((x ^ (x >> 31)) >> 11) / 9007199254740992.0;
}

static void plan_next_tick(Gpu *gpu) {
    double from_s = gpu->ticks.time_s;
    double period_s = power_w(gpu, from_s) >= load_above_w ? load_period_s : counter_period_s;
    double next_s = from_s + period_s * (1 + tick_jitter * (2 * chance(gpu, 0) - 1));
    if (next_s >= late_tick_at_s) {
        next_s += late_tick_s;
        late_tick_at_s += late_tick_every_s;
    }
    gpu->ticks.next_s = next_s;
}

/* The energy with the last tick at or before until_s, by a counter whose ticks are not regular. */
static double odd_ticks_j(Gpu *gpu, double until_s) {
    if (gpu->ticks.next_s == 0) {
        gpu->ticks.time_s = last_tick_s(gpu, counter_period_s, fmin(epoch_s, until_s));
        gpu->ticks.counted_j = gpu->ticks.shown_j = energy_j(gpu, gpu->ticks.time_s);
        plan_next_tick(gpu);
    }
    while (gpu->ticks.next_s <= until_s) {
        double from_s = gpu->ticks.time_s, to_s = gpu->ticks.next_s;
        double seen_s = part_time_s > 0 ? part_time_s : to_s - from_s;
        gpu->ticks.counted_j += (energy_j(gpu, to_s) - energy_j(gpu, to_s - seen_s)) / seen_s * (to_s - from_s);
        gpu->ticks.time_s = to_s;
        gpu->ticks.number++;
        if (chance(gpu, 1) >= missed_ticks) gpu->ticks.shown_j = gpu->ticks.counted_j;
        plan_next_tick(gpu);
    }
    return gpu->ticks.shown_j;
}

static double shown_j(Gpu *gpu, double until_s) {
    if (has_odd_ticks) return odd_ticks_j(gpu, until_s);
    return energy_j(gpu, last_tick_s(gpu, counter_period_s, until_s));
}

static nvmlReturn_t read_counter_mj(Gpu *gpu, unsigned long long *energy_mj) {
    double now_s = monotonic_s(), until_s = now_s;
    if (!has_counter) return NVML_ERROR_NOT_SUPPORTED;
    if (is_lost()) return NVML_ERROR_GPU_IS_LOST;
    if (now_s >= frozen_at_s && now_s < frozen_until_s) until_s = frozen_at_s;
    double counter_j = shown_j(gpu, until_s) + module_w * last_tick_s(gpu, counter_period_s, until_s);
    if (until_s >= reset_at_s) {
        double resets = reset_every_s < INFINITY ? floor((until_s - reset_at_s) / reset_every_s) : 0;
        double at_s = reset_at_s + (resets > 0 ? resets * reset_every_s : 0);
        counter_j = fmax(0, counter_j - energy_j(gpu, at_s) - module_w * at_s);
    }
    *energy_mj = (unsigned long long)(counter_j * 1000.0 * counter_scale) / step_mj * step_mj;
    return NVML_SUCCESS;
}

static unsigned int mean_power_mw(const Gpu *gpu, double over_s) {
    double shown_s = last_tick_s(gpu, power_period_s, monotonic_s());
    if (over_s <= 0) return (unsigned int)lround(power_w(gpu, shown_s) * 1000.0);
    return (unsigned int)lround((energy_j(gpu, shown_s) - energy_j(gpu, shown_s - over_s)) / over_s * 1000.0);
}

static unsigned int power_limit_mw(void) {
    double now_s = monotonic_s();
    return now_s >= limit_changes_at_s && now_s < limit_changes_back_at_s ? changed_limit_mw : limit_mw;
}

static nvmlReturn_t read_field(Gpu *gpu, nvmlFieldValue_t *field) {
    int is_module = field->scope_id == NVML_POWER_SCOPE_MODULE;
    int is_whole_gpu = field->scope_id == NVML_POWER_SCOPE_GPU || is_module;
    unsigned int beside_mw = is_module ? (unsigned int)(module_w * 1000) : 0;
    field->value_type = NVML_VALUE_TYPE_UNSIGNED_INT;
    field->value.ullVal = 0;
    if (is_lost()) return NVML_ERROR_GPU_IS_LOST;
    switch (field->field_id) {
    case NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION:
        field->value_type = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
        return read_counter_mj(gpu, &field->value.ullVal);
    case NVML_FI_DEV_POWER_INSTANT:
        if (!has_instant_power || !is_whole_gpu) return NVML_ERROR_NOT_SUPPORTED;
        field->value.uiVal = mean_power_mw(gpu, boxcar_s) + beside_mw;
        return NVML_SUCCESS;
    case NVML_FI_DEV_POWER_AVERAGE:
        if (!is_whole_gpu) return NVML_ERROR_NOT_SUPPORTED;
        field->value.uiVal = mean_power_mw(gpu, AVERAGE_POWER_S) + beside_mw;
        return NVML_SUCCESS;
    case NVML_FI_DEV_POWER_MIN_LIMIT: field->value.uiVal = MIN_POWER_LIMIT_MW; return NVML_SUCCESS;
    case NVML_FI_DEV_POWER_MAX_LIMIT: field->value.uiVal = MAX_POWER_LIMIT_MW; return NVML_SUCCESS;
    case NVML_FI_DEV_POWER_DEFAULT_LIMIT: field->value.uiVal = default_limit_mw; return NVML_SUCCESS;
    case NVML_FI_DEV_POWER_CURRENT_LIMIT: field->value.uiVal = power_limit_mw(); return NVML_SUCCESS;
    default: return NVML_ERROR_NOT_SUPPORTED;
    }
}

static nvmlReturn_t copy_text(const char *text, char *target, unsigned int size) {
    if (strlen(text) >= size) return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(target, text);
    return NVML_SUCCESS;
}

/* ---- NVML: the library and the machine ---- */

nvmlReturn_t nvmlInitWithFlags(unsigned int flags) {
    (void)flags;
    pthread_mutex_lock(&lock);
    if (!settings_are_read) read_settings();
    settings_are_read = 1;
    if (!settings_are_bad) init_count++;
    pthread_mutex_unlock(&lock);
    return settings_are_bad ? NVML_ERROR_INVALID_ARGUMENT : NVML_SUCCESS;
}

nvmlReturn_t nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

nvmlReturn_t nvmlShutdown(void) {
    pthread_mutex_lock(&lock);
    nvmlReturn_t result = init_count == 0 ? NVML_ERROR_UNINITIALIZED : NVML_SUCCESS;
    if (init_count > 0) init_count--;
    pthread_mutex_unlock(&lock);
    return result;
}

const char *nvmlErrorString(nvmlReturn_t code) {
    switch (code) {
    case NVML_SUCCESS: return "Success";
    case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT: return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
    case NVML_ERROR_NO_PERMISSION: return "Insufficient Permissions";
    case NVML_ERROR_NOT_FOUND: return "Not Found";
    case NVML_ERROR_INSUFFICIENT_SIZE: return "Insufficient Size";
    case NVML_ERROR_GPU_IS_LOST: return "GPU is lost";
    case NVML_ERROR_ARGUMENT_VERSION_MISMATCH: return "Argument version mismatch";
    default: return "Unknown Error";
    }
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int size) {
    if (init_count == 0) return NVML_ERROR_UNINITIALIZED;
    return copy_text("580.00-simulated", version, size);
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned int size) {
    return copy_text("13.580.00-simulated", version, size);
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version) {
    *version = 13000;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count) {
    if (init_count == 0) return NVML_ERROR_UNINITIALIZED;
    *count = gpu_count;
    return NVML_SUCCESS;
}

/* ---- NVML: which GPU ---- */

static void write_uuid(const Gpu *gpu, char *text, size_t size) {
    snprintf(text, size, "GPU-%08x-0000-4000-8000-000000000000", gpu->number);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) {
    if (init_count == 0) return NVML_ERROR_UNINITIALIZED;
    if (index >= gpu_count) return NVML_ERROR_INVALID_ARGUMENT;
    if ((int)gpus[index].number == forbidden_gpu) return NVML_ERROR_NO_PERMISSION;
    *device = &gpus[index];
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device) {
    char text[NAME_SIZE];
    if (init_count == 0) return NVML_ERROR_UNINITIALIZED;
    for (unsigned int index = 0; index < gpu_count; index++) {
        write_uuid(&gpus[index], text, sizeof text);
        if (strcmp(text, uuid) != 0) continue;
        *device = &gpus[index];
        return NVML_SUCCESS;
    }
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int size) {
    char text[NAME_SIZE];
    write_uuid(device, text, sizeof text);
    return copy_text(text, uuid, size);
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int *index) {
    *index = device->index;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned int *minor) {
    return nvmlDeviceGetIndex(device, minor);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int size) {
    return copy_text(device->name, name, size);
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci) {
    *pci = (nvmlPciInfo_t){.bus = device->index + 1, .device_id = 0x233010de};
    snprintf(pci->bus_id_legacy, sizeof pci->bus_id_legacy, "0000:%02X:00.0", pci->bus & 0xff);
    snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:%02X:00.0", pci->bus & 0xff);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t device, unsigned int *architecture) {
    (void)device;
    *architecture = 9; /* Hopper */
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor) {
    (void)device;
    *major = 9;
    *minor = 0;
    return NVML_SUCCESS;
}

/* ---- NVML: MIG ---- */

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int *current, unsigned int *pending) {
    (void)device;
    *current = *pending = mig_is_on ? 1 : 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int *count) {
    (void)device;
    *count = mig_is_on ? 7 : 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned int *is_mig_device) {
    (void)device;
    *is_mig_device = 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned int index, nvmlDevice_t *mig_device) {
    (void)device, (void)index, (void)mig_device;
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned int *id) {
    (void)device, (void)id;
    return NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned int *id) {
    (void)device, (void)id;
    return NVML_ERROR_NOT_SUPPORTED;
}

/* ---- NVML: energy and power ---- */

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *energy_mj) {
    if (init_count == 0) return NVML_ERROR_UNINITIALIZED;
    if (call_fails(ENERGY)) return NVML_ERROR_UNKNOWN;
    pthread_mutex_lock(&lock);
    read_control();
    nvmlReturn_t result = read_counter_mj(device, energy_mj);
    pthread_mutex_unlock(&lock);
    return result;
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int *power_mw) {
    if (init_count == 0) return NVML_ERROR_UNINITIALIZED;
    if (call_fails(POWER)) return NVML_ERROR_UNKNOWN;
    if (is_lost()) return NVML_ERROR_GPU_IS_LOST;
    pthread_mutex_lock(&lock);
    read_control();
    *power_mw = mean_power_mw(device, AVERAGE_POWER_S);
    pthread_mutex_unlock(&lock);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *fields) {
    if (init_count == 0) return NVML_ERROR_UNINITIALIZED;
    if (call_fails(POWER)) return NVML_ERROR_UNKNOWN;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&lock);
    read_control();
    for (int index = 0; index < count; index++) {
        fields[index].timestamp_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
        fields[index].latency_us = 0;
        fields[index].result = read_field(device, &fields[index]);
    }
    pthread_mutex_unlock(&lock);
    return NVML_SUCCESS;
}

void nvmlSimulatorUseClock(double *time_s) { own_time_s = time_s; }

void nvmlSimulatorDraw(unsigned int gpu, double time_s, double watts) {
    pthread_mutex_lock(&lock);
    if (gpu < gpu_count) add_step(&gpus[gpu].control, time_s, watts);
    pthread_mutex_unlock(&lock);
}

void nvmlSimulatorFail(const char *call, unsigned int count) {
    pthread_mutex_lock(&fault_lock);
    add_fault(call, monotonic_s(), count, 1, 0);
    pthread_mutex_unlock(&fault_lock);
}

double nvmlSimulatorTrueEnergy_mJ(unsigned int gpu, double time_s) {
    if (gpu >= gpu_count) return NAN;
    pthread_mutex_lock(&lock);
    read_control();
    double drawn_j = energy_j(&gpus[gpu], time_s);
    pthread_mutex_unlock(&lock);
    return drawn_j * 1000.0;
}

nvmlReturn_t nvmlDeviceGetPowerManagementMode(nvmlDevice_t device, unsigned int *mode) {
    (void)device;
    *mode = 1;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned int *milliwatts) {
    (void)device;
    if (call_fails(LIMIT)) return NVML_ERROR_UNKNOWN;
    *milliwatts = power_limit_mw();
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned int *milliwatts) {
    return nvmlDeviceGetPowerManagementLimit(device, milliwatts);
}

nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t device, unsigned int *milliwatts) {
    (void)device;
    *milliwatts = default_limit_mw;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned int *min, unsigned int *max) {
    (void)device;
    *min = MIN_POWER_LIMIT_MW;
    *max = MAX_POWER_LIMIT_MW;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetPowerManagementLimit(nvmlDevice_t device, unsigned int milliwatts) {
    (void)device, (void)milliwatts;
    return NVML_ERROR_NO_PERMISSION;
}

/* ---- NVML: state ---- */

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
    (void)device;
    if (call_fails(MEMORY)) return NVML_ERROR_UNKNOWN;
    *memory = (nvmlMemory_t){
        .total = memory_bytes, .free = memory_bytes - memory_used_bytes, .used = memory_used_bytes};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory) {
    (void)device;
    *memory = (nvmlMemory_v2_t){.version = memory->version,
                                .total = memory_bytes,
                                .free = memory_bytes - memory_used_bytes,
                                .used = memory_used_bytes};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned int *celsius) {
    (void)device;
    if (call_fails(TEMPERATURE)) return NVML_ERROR_UNKNOWN;
    if (is_lost()) return NVML_ERROR_GPU_IS_LOST;
    if (sensor != 0) return NVML_ERROR_INVALID_ARGUMENT;
    *celsius = temperature_c;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_t *temperature) {
    (void)device;
    if (temperature->version != (sizeof *temperature | 1u << 24)) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    temperature->temperature_c = (int)temperature_c;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, int type, unsigned int *mhz) {
    (void)device;
    if (call_fails(CLOCK)) return NVML_ERROR_UNKNOWN;
    if (is_lost()) return NVML_ERROR_GPU_IS_LOST;
    if (type < NVML_CLOCK_GRAPHICS || type > NVML_CLOCK_VIDEO) return NVML_ERROR_INVALID_ARGUMENT;
    *mhz = type == NVML_CLOCK_MEM ? memory_clock_mhz : sm_clock_mhz;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, int type, unsigned int *mhz) {
    return nvmlDeviceGetClockInfo(device, type, mhz);
}

static nvmlReturn_t one_clock(unsigned int clock_mhz, unsigned int *count, unsigned int *clocks_mhz) {
    unsigned int room = *count;
    *count = 1;
    if (clocks_mhz == NULL || room < 1) return NVML_ERROR_INSUFFICIENT_SIZE;
    clocks_mhz[0] = clock_mhz;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSupportedMemoryClocks(nvmlDevice_t device, unsigned int *count, unsigned int *clocks_mhz) {
    (void)device;
    return one_clock(memory_clock_mhz, count, clocks_mhz);
}

nvmlReturn_t nvmlDeviceGetSupportedGraphicsClocks(nvmlDevice_t device, unsigned int memory_mhz, unsigned int *count,
                                                  unsigned int *clocks_mhz) {
    (void)device, (void)memory_mhz;
    return one_clock(sm_clock_mhz, count, clocks_mhz);
}

nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, unsigned long long *reasons) {
    (void)device;
    if (call_fails(EVENTS)) return NVML_ERROR_UNKNOWN;
    if (is_lost()) return NVML_ERROR_GPU_IS_LOST;
    *reasons = monotonic_s() >= throttle_at_s && monotonic_s() < throttle_until_s ? throttle_bits : 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons) {
    return nvmlDeviceGetCurrentClocksEventReasons(device, reasons);
}

nvmlReturn_t nvmlDeviceGetSupportedClocksEventReasons(nvmlDevice_t device, unsigned long long *reasons) {
    (void)device;
    *reasons = 0x1ff;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSupportedClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons) {
    return nvmlDeviceGetSupportedClocksEventReasons(device, reasons);
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *utilization) {
    (void)device;
    *utilization = (nvmlUtilization_t){.gpu_percent = 100, .memory_percent = 50};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, unsigned int *mode) {
    (void)device;
    *mode = 1;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetPersistenceMode(nvmlDevice_t device, unsigned int mode) {
    (void)device, (void)mode;
    return NVML_ERROR_NO_PERMISSION;
}

nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t device, unsigned int *mode) {
    (void)device;
    *mode = 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPerformanceState(nvmlDevice_t device, unsigned int *state) {
    (void)device;
    *state = 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetC2cModeInfoV(nvmlDevice_t device, void *info) {
    (void)device, (void)info;
    return NVML_ERROR_NOT_SUPPORTED;
}

/* ---- NVML: processes ---- */

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *count,
                                                     nvmlProcessInfo_t *processes) {
    if (call_fails(PROCESSES)) return NVML_ERROR_UNKNOWN;
    const unsigned int no_instance = 0xffffffff;
    nvmlProcessInfo_t found[2];
    unsigned int found_count = 0, room = *count;
    if (lists_own_process)
        found[found_count++] =
            (nvmlProcessInfo_t){own_pid, memory_used_bytes, no_instance, no_instance};
    int is_there = foreign_gpu < 0 || foreign_gpu == (int)device->index;
    if (foreign_with != NULL) is_there = is_there && access(foreign_with, F_OK) == 0;
    if (foreign_pid != 0 && is_there && monotonic_s() >= foreign_at_s && monotonic_s() < foreign_until_s)
        found[found_count++] =
            (nvmlProcessInfo_t){foreign_pid, (unsigned long long)FOREIGN_MIB << 20, no_instance, no_instance};
    *count = found_count;
    if (found_count == 0) return NVML_SUCCESS;
    if (processes == NULL || room < found_count) return NVML_ERROR_INSUFFICIENT_SIZE;
    memcpy(processes, found, found_count * sizeof *found);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned int *count,
                                                      nvmlProcessInfo_t *processes) {
    (void)device, (void)processes;
    *count = 0;
    return NVML_SUCCESS;
}
