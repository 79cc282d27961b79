# bash completion for accio
_accio() {
    local current="${COMP_WORDS[COMP_CWORD]}" words="" options="" command="${COMP_WORDS[1]}"
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "@verbs@" -- "$current"))
        return
    fi
    case "$command" in
@cases@
    esac
    if [ "$COMP_CWORD" -eq 2 ] && [ -n "$words" ] && [ "${current:0:1}" != - ]; then
        COMPREPLY=($(compgen -W "$words" -- "$current"))
        return
    fi
    case "$command ${COMP_WORDS[2]}" in
@options@
    esac
    if [ -z "$options" ]; then
        case "$command" in
@options of a verb alone@
        esac
    fi
    local option="" before="${COMP_WORDS[COMP_CWORD-1]}" kept="" files=yes line
    local -a listed
    words=""
    case "$current" in
        -*=*) option="${current%%=*}"; kept="$option="; current="${current#*=}" ;;
        =) option="$before"; current="" ;;  # in bash = breaks words
        *) option="$before"
           if [ "$before" = "=" ]; then option="${COMP_WORDS[COMP_CWORD-2]}"; fi ;;
    esac
    option="${option#-}"
    case "$command ${COMP_WORDS[2]} ${option#-}" in
@values@
    esac
    if [ "${#listed[@]}" -gt 0 ] || [ -n "$words" ]; then
        case "$current" in *,*) kept="$kept${current%,*},"; current="${current##*,}" ;; esac
        files=""
    elif [ "${current:0:1}" = - ] && [ -z "$kept" ]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
        return
    elif [ -z "$kept" ] && [ "$before" != "=" ]; then
        case "$command ${COMP_WORDS[2]} " in
@listed@
        esac
        if [ "${#listed[@]}" -gt 0 ] && [ "$command" != submit ]; then files=""; fi
    fi
    if [ "${#listed[@]}" -gt 0 ]; then
        words="$(accio "${listed[@]}" 2>/dev/null)"
        case "${listed[*]}" in *workflows*) words="$(cut -d: -f1 <<< "$words")" ;; esac
    fi
    while IFS= read -r line; do
        case "$line" in "") ;; "$current"*) COMPREPLY+=("$kept$line") ;; esac
    done <<< "$words"
    if [ -n "$files" ]; then
        COMPREPLY+=($(compgen -P "$kept" -f -- "$current"))
    fi
}
complete -o filenames -F _accio accio
