#!/usr/bin/env perl
# Finds the most frequent words of a text. Perl's own modules are enough: JSON::PP reads the inputs and writes the outputs.
use strict;
use warnings;
use utf8;
use File::Find;
use JSON::PP;

my $inputs = decode_json(slurp($ENV{ACCIO_INPUTS}));
my %ignored = map { lc($_) => 1 } @{ $inputs->{ignore} // [] };
my %count;
find({ wanted => sub { count($_) if -f }, no_chdir => 1 }, $inputs->{text});

# Equally frequent words go by the alphabet: equal inputs must give equal outputs.
my @words = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
mkdir 'frequencies' or die "can't make the folder of the table: $!";
open my $table, '>:encoding(UTF-8)', 'frequencies/table.tsv' or die "can't write the table: $!";
print $table "$_\t$count{$_}\n" for @words;
close $table or die "can't write the table: $!";

splice @words, $inputs->{top} if @words > $inputs->{top};
open my $outputs, '>', $ENV{ACCIO_OUTPUTS} or die "can't write the outputs: $!";
print $outputs encode_json({ frequent => { map { $_ => $count{$_} } @words }, table => 'frequencies' });
close $outputs or die "can't write the outputs: $!";

sub count {
    my ($path) = @_;
    open my $file, '<:encoding(UTF-8)', $path or die "can't read $path: $!";
    while (my $line = <$file>) {
        $count{$_}++ for grep { !$ignored{$_} } map { lc } $line =~ /\w+/g;
    }
    close $file;
}

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or die "can't read $path: $!";
    local $/;
    return scalar <$file>;
}
